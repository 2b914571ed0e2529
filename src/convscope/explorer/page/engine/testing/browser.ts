/** The tests that read vectors, for a browser, which gives them a `Deno` of its own with what they use of it. */

import "../derive_test.ts";
import "../document_test.ts";
import "../forward_test.ts";
import "../notation_test.ts";
import "../reach_test.ts";
