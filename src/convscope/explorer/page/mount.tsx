import { render } from "preact";
import { scaleLog } from "./d3.ts";
export function mount(root: HTMLElement, document: unknown, _link: unknown): void {
  render(<pre>{JSON.stringify(document).length} {scaleLog().domain([1, 10])(3)}</pre>, root);
}
