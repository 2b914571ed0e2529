// Mistakes: from the matrix to a cell, to an image, to what tipped the scale.

import { type App, useApp } from "../app.ts";
import type { Evaluation } from "../document.ts";
import { between, share } from "../parts/figures.ts";
import { Segments } from "../parts/segments.tsx";
import { Sheet, type Table } from "../parts/sheet.tsx";
import { plural, whole } from "../words.ts";
import {
  type Cell,
  cellOf,
  className,
  imageOf,
  imagesOf,
  type List,
  listOf,
  type Matrix,
  matrixOf,
  type Seen,
  show,
} from "./mistakes/cells.ts";
import { Gallery } from "./mistakes/gallery.tsx";
import { Confusion, Frequent, walk } from "./mistakes/matrix.tsx";
import { One } from "./mistakes/one.tsx";
import { Sure } from "./mistakes/sure.tsx";

const NARROW = 760; // below, the gallery follows the matrix [CSS pixel]

/** What is explored: the evaluation, its matrix, the selected cell, the images of the list, and the selected one. */
interface Now {
  evaluation: Evaluation;
  matrix: Matrix;
  cell: Cell;
  shown: Seen[];
  seen: Seen | undefined;
}

function now(app: App): Now | null {
  const evaluation = app.document.run?.evaluation;
  if (!evaluation) return null;
  const matrix = matrixOf(app, evaluation), cell = cellOf(app, matrix);
  const shown = imagesOf(app, cell, listOf(app).value);
  return { evaluation, matrix, cell, shown, seen: imageOf(app, shown) };
}

export const mistakesMissing = (app: App): string =>
  app.document.run && !app.document.run.evaluation
    ? "The test images are not where they were when the net was trained. Name them: convscope explore RUN --data DATA"
    : "";

export function mistakesKeys(app: App, event: KeyboardEvent): boolean {
  const found = now(app);
  if (!found) return false;
  if (event.key !== "[" && event.key !== "]") return walk(app, found.matrix, event);
  const { shown, seen } = found;
  if (!seen) return false;
  const at = shown.indexOf(seen) + (event.key === "]" ? 1 : -1) + shown.length;
  show(app, shown[at % shown.length], "glide");
  return true;
}

export function Mistakes() {
  const app = useApp();
  const found = now(app);
  if (!found) return <p class="absent">{mistakesMissing(app)}</p>;
  const { evaluation, matrix, cell, shown, seen } = found;
  const { width } = app.layout.value, phone = width < NARROW;
  const left = phone ? Math.min(width, 480) : Math.min(440, Math.floor(width * 0.46));
  const right = phone ? width : width - left - 32;
  return (
    <>
      <Verdict evaluation={evaluation} matrix={matrix} />
      <div class="pair" style={phone ? {} : { gridTemplateColumns: `${left}px ${right}px` }}>
        <section class="confusion">
          <p class="lab axis">Predicted class (columns), true class (rows)</p>
          <Confusion matrix={matrix} width={left} />
          <p class="lab">
            {matrix.most
              ? `Shade: number of mistakes, 0 to ${
                whole(matrix.most)
              }. The diagonal, classified correctly, is not shaded.`
              : "All images are on the diagonal: classified correctly."}
          </p>
        </section>
        <section class="found">
          <Heading cell={cell} matrix={matrix} shown={shown} />
          {shown.length > 0 && (
            <Gallery shown={shown} selected={seen} width={right} rows={phone ? 1 : 2} name="Images of the list" />
          )}
          <Absent cell={cell} matrix={matrix} shown={shown} />
          <h3>Most frequent mistakes</h3>
          <Frequent matrix={matrix} />
        </section>
      </div>
      {seen && <One seen={seen} shown={shown} />}
      <Sure evaluation={evaluation} />
      <Sheet name="Show the matrix as a table" file="confusion.csv" table={() => asTable(app, matrix)} />
    </>
  );
}

function Verdict({ evaluation, matrix }: { evaluation: Evaluation; matrix: Matrix }) {
  const app = useApp();
  const wrong = evaluation.count - evaluation.hits, worst = matrix.wrong[0];
  return (
    <p class="verdict">
      <b>{whole(wrong)}</b> of {whole(evaluation.count)} {evaluation.split} images {wrong === 1 ? "is" : "are"}{" "}
      misclassified: accuracy <b>{share(evaluation.accuracy)}</b>, 95 % interval {between(evaluation.interval)}.{" "}
      {worst && (
        <>
          Most often, <bdi>{className(app, worst.cell[0])}</bdi> is predicted as{" "}
          <bdi>{className(app, worst.cell[1])}</bdi>: {plural(worst.count, "image")}.
        </>
      )}
    </p>
  );
}

const LISTS: readonly { id: List; name: string }[] = [
  { id: "cell", name: "This cell" },
  { id: "wrong", name: "All misclassified" },
  { id: "all", name: "All images" },
];

function Heading({ cell, matrix, shown }: { cell: Cell; matrix: Matrix; shown: readonly Seen[] }) {
  const app = useApp();
  const list = listOf(app);
  const how = list.value === "cell" ? "the most confident first" : "the highest loss first";
  return (
    <>
      <Segments label="Images" options={LISTS} value={list.value} choose={(id) => list.value = id} />
      <h2 aria-live="polite">
        {list.value === "cell"
          ? (
            <>
              True <bdi>{className(app, cell[0])}</bdi>, predicted <bdi>{className(app, cell[1])}</bdi>:{" "}
              {plural(matrix.at(...cell), "image")}
            </>
          )
          : `${plural(shown.length, "image")} in this document`}
        {shown.length > 1 && <small>, {how}</small>}
      </h2>
    </>
  );
}

/** Why images of a cell are not shown. */
function Absent({ cell, matrix, shown }: { cell: Cell; matrix: Matrix; shown: readonly Seen[] }) {
  const app = useApp();
  if (listOf(app).value !== "cell") return null;
  const count = matrix.at(...cell), lacking = count - shown.length;
  if (!count) return <p class="note">No image of this class was predicted so.</p>;
  if (lacking <= 0) return null;
  const sample = cell[0] === cell[1]
    ? "of correctly classified images, the document has a sample"
    : "the document has those with the highest loss";
  return (
    <p class="note">
      {plural(lacking, "image")} of this cell {lacking === 1 ? "is" : "are"} not in this document: {sample}.
    </p>
  );
}

function asTable(app: App, matrix: Matrix): Table {
  const names = Array.from({ length: matrix.size }, (_, i) => className(app, i));
  return {
    columns: ["true", ...names, "accuracy"],
    rows: matrix.size,
    row: (truth) => {
      const { count, hits } = matrix.rows[truth];
      return [
        names[truth],
        ...names.map((_, predicted) => matrix.at(truth, predicted)),
        count ? share(hits / count) : "–",
      ];
    },
  };
}
