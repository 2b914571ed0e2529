// A document as it arrives, looked at before anything is drawn from it.

import { type Document, SCHEMA } from "./document.ts";
import { Trouble } from "./trouble.ts";

const [FAMILY, VERSION] = [SCHEMA.replace(/\d+$/, ""), Number(SCHEMA.split("/").at(-1))];

/** Return the document; throws a Trouble if it did not arrive, is not one, or is of a newer version. */
export function opened(given: unknown): Document {
  if (given instanceof Trouble) throw given;
  if (typeof given !== "object" || given === null || !("schema" in given)) {
    throw new Trouble("This page holds no document.", "Save it again: convscope explore NET -o page.html");
  }
  const schema = String(given.schema);
  const version = schema.startsWith(FAMILY) ? Number(schema.slice(FAMILY.length)) : NaN;
  if (!Number.isInteger(version) || version < 1) {
    throw new Trouble(`"${schema.slice(0, 60)}" is not a document of the explorer.`, `Expected: ${FAMILY}${VERSION}`);
  }
  if (version > VERSION) {
    const by = "convscope" in given ? ` It was written by Convscope ${String(given.convscope).slice(0, 40)}.` : "";
    throw new Trouble(
      `The document is of version ${version}; this page reads version ${VERSION}.${by}`,
      "Install a newer Convscope: pip install -U convscope",
    );
  }
  const document = given as Document;
  if (!Array.isArray(document.net?.layers) || !Array.isArray(document.net?.inputs)) {
    throw new Trouble(
      "The document is damaged: it has no layers.",
      "Save it again: convscope explore NET -o page.html",
    );
  }
  return document;
}
