// What went wrong, said in the page: the sentence, what to do, and nothing lost beside it.

import { Component, type ComponentChildren } from "preact";
import { Trouble } from "../trouble.ts";

/** A sentence about an error, as the whole of a page or of a view. */
export function Sorry({ error }: { error: unknown }) {
  const known = error instanceof Trouble;
  return (
    <div class="sorry" role="alert">
      <h1>{known ? error.message : "This view could not be drawn."}</h1>
      <p class={known ? "" : "mono"}>{known ? error.attempt : String(error)}</p>
      {!known && <p class="dim">Everything else on this page still works. Please report this error.</p>}
    </div>
  );
}

/** Hold an error of one view inside of that view. */
export class Guard extends Component<{ children: ComponentChildren }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static override getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    return this.state.error === null ? this.props.children : <Sorry error={this.state.error} />;
  }
}
