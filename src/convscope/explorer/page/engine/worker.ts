/** The worker in which nets run. */

import type { Reply, Request } from "./protocol.ts";
import { Service } from "./service.ts";

/** The part of a worker's scope that is used; the types of a page have another one. */
interface Scope {
  postMessage(reply: Reply, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}

const scope = globalThis as unknown as Scope;
/** Resolves after the messages that have arrived. A channel of one's own may be heard before them, a timer is not. */
function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

const service = new Service((reply, transfer) => scope.postMessage(reply, transfer), rest);
scope.onmessage = ({ data }) => void service.answer(data);
