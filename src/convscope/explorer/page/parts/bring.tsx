// Choose an image of one's own: from a button, or dropped on the page.

import type { App } from "../app.ts";
import { fromFile, takesImages } from "../images.ts";
import { Trouble } from "../trouble.ts";

/** Take the first of some files as the selected image; what is not an image is said. */
export async function bring(app: App, files: FileList | null | undefined): Promise<void> {
  const file = files?.[0];
  if (!file) return;
  try {
    app.store.set({ image: app.gallery.add(await fromFile(file)) });
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    app.notice.value = error;
  }
}

export function Bring({ app }: { app: App }) {
  if (!takesImages(app.model.value.image.shape)) return null;
  return (
    <label class="btn file">
      Use my image
      <input type="file" accept="image/*" class="unseen" onChange={(event) => bring(app, event.currentTarget.files)} />
    </label>
  );
}
