// The confusion matrix: a grid to walk with the arrow keys, empty cells included.

import { useLayoutEffect, useRef } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import { ARROWS } from "../../parts/arrows.ts";
import { share } from "../../parts/figures.ts";
import { plural, shortened, whole } from "../../words.ts";
import { type Cell, cellOf, choose, className, type Matrix } from "./cells.ts";

const MANY = 24; // classes from which on cells are drawn without numbers
const RECALL = 72; // width of the column of accuracies [CSS pixel]

/** Move the cell by a key; returns whether it did. */
export function walk(app: App, matrix: Matrix, event: KeyboardEvent): boolean {
  const cell = cellOf(app, matrix), step = ARROWS[event.key];
  let next = step && matrix.beside(cell, ...step);
  if (event.key === "Home") next = [event.ctrlKey ? 0 : cell[0], 0];
  if (event.key === "End") next = [event.ctrlKey ? matrix.size - 1 : cell[0], matrix.size - 1];
  if (!next) return false;
  choose(app, next, "glide");
  return true;
}

/** A cell in words. */
export const told = (app: App, matrix: Matrix, [truth, predicted]: Cell): string =>
  `true ${className(app, truth)}, predicted ${className(app, predicted)}: ${
    plural(matrix.at(truth, predicted), "image")
  }`;

export function Confusion({ matrix, width }: { matrix: Matrix; width: number }) {
  return matrix.size <= MANY ? <Numbers matrix={matrix} width={width} /> : <Shades matrix={matrix} width={width} />;
}

/** How much ink a count of mistakes gets, 0 to 1; a gap in the middle keeps the number readable on it. */
const shade = (matrix: Matrix, count: number): number => {
  const part = matrix.most ? count / matrix.most : 0;
  return count ? part > 0.5 ? 0.46 + 0.32 * part : 0.08 + 0.56 * part : 0;
};

function Numbers({ matrix, width }: { matrix: Matrix; width: number }) {
  const app = useApp();
  const grid = useRef<HTMLTableElement>(null);
  const cell = cellOf(app, matrix);
  const longest = Math.max(...app.document.classes.map((name) => [...name].length), 1);
  const label = Math.min(112, 16 + 7 * longest), slanted = longest > 3;
  const side = Math.max(18, Math.min(32, Math.floor((width - label - RECALL - 8) / matrix.size) - 1));
  const numbers = Array.from({ length: matrix.size }, (_, i) => i);
  useLayoutEffect(() => {
    const box = grid.current;
    if (box?.matches(":focus-within")) {
      box.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: false });
    }
  }, [cell[0], cell[1]]);
  return (
    <table
      ref={grid}
      class={`matrix${slanted ? " slanted" : ""}${side < 24 ? " tight" : ""}`}
      role="grid"
      aria-label="Images by true class (rows) and predicted class (columns)"
      style={{ "--side": `${side}px`, "--label": `${label}px` }}
    >
      <thead>
        <tr>
          <th class="corner" scope="col">
            <span class="unseen">True class</span>
          </th>
          {numbers.map((i) => (
            <th key={i} scope="col" class={i === cell[1] ? "on" : ""} title={className(app, i)}>
              <span>
                <bdi>{shortened(className(app, i), 16)}</bdi>
              </span>
            </th>
          ))}
          <th scope="col" class="recall">Accuracy</th>
        </tr>
      </thead>
      <tbody>
        {numbers.map((truth) => (
          <tr key={truth}>
            <th scope="row" class={truth === cell[0] ? "on" : ""} title={className(app, truth)}>
              <bdi>{shortened(className(app, truth), 16)}</bdi>
            </th>
            {numbers.map((predicted) => (
              <Count
                key={predicted}
                matrix={matrix}
                cell={[truth, predicted]}
                on={truth === cell[0] && predicted === cell[1]}
              />
            ))}
            <td class="recall">{recall(matrix, truth)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const recall = (matrix: Matrix, truth: number): string =>
  matrix.rows[truth].count ? share(matrix.rows[truth].hits / matrix.rows[truth].count, 1) : "–";

function Count({ matrix, cell, on }: { matrix: Matrix; cell: Cell; on: boolean }) {
  const app = useApp();
  const count = matrix.at(...cell), right = cell[0] === cell[1];
  const dark = right ? 0 : shade(matrix, count);
  return (
    <td
      role="gridcell"
      tabIndex={on ? 0 : -1}
      aria-selected={on}
      aria-label={told(app, matrix, cell)}
      class={`${right ? "right" : ""}${dark > 0.5 ? " dark" : ""}${on ? " on" : ""}`}
      style={{ "--dark": `${(100 * dark).toFixed(0)}%` }}
      onClick={() => choose(app, cell)}
    >
      {count ? String(count) : ""}
    </td>
  );
}

/** Many classes: one drawing of all cells, and the pairs that are confused most often as buttons. */
function Shades({ matrix, width }: { matrix: Matrix; width: number }) {
  const app = useApp();
  const canvas = useRef<HTMLCanvasElement>(null);
  const cell = cellOf(app, matrix), theme = app.theme.value;
  const side = Math.max(1, Math.floor(Math.min(width, 420) / matrix.size)), whole = side * matrix.size;
  useLayoutEffect(() => {
    const brush = canvas.current?.getContext("2d");
    if (canvas.current && brush) paint(brush, matrix, side, getComputedStyle(canvas.current));
  }, [matrix, side, theme]);
  const clicked = (event: MouseEvent): void => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box) return;
    const found = (value: number): number => Math.max(0, Math.min(matrix.size - 1, Math.floor(value / side)));
    choose(app, [found(event.clientY - box.top), found(event.clientX - box.left)]);
  };
  return (
    <>
      <div
        class="shades"
        role="application"
        tabIndex={0}
        aria-label={`Images by true class (rows) and predicted class (columns). ${told(app, matrix, cell)}`}
        style={{ width: `${whole}px`, height: `${whole}px` }}
        onClick={clicked}
      >
        <canvas ref={canvas} width={whole} height={whole} aria-hidden="true" />
        <i
          style={{ left: `${cell[1] * side}px`, top: `${cell[0] * side}px`, width: `${side}px`, height: `${side}px` }}
        />
      </div>
      <p class="lab" role="status">
        <bdi>{told(app, matrix, cell)}</bdi>
      </p>
    </>
  );
}

function paint(brush: CanvasRenderingContext2D, matrix: Matrix, side: number, style: CSSStyleDeclaration): void {
  const ink = style.getPropertyValue("--ink"), whole = side * matrix.size;
  brush.globalAlpha = 1;
  brush.fillStyle = style.getPropertyValue("--wash");
  brush.fillRect(0, 0, whole, whole);
  brush.fillStyle = style.getPropertyValue("--rule2");
  for (let i = 0; i < matrix.size; i++) brush.fillRect(i * side, i * side, side, side);
  brush.fillStyle = ink;
  for (const { cell, count } of matrix.wrong) {
    brush.globalAlpha = shade(matrix, count);
    brush.fillRect(cell[1] * side, cell[0] * side, side, side);
  }
}

/** The most frequent confusions, each a way to its cell. */
export function Frequent({ matrix, most = 8 }: { matrix: Matrix; most?: number }) {
  const app = useApp();
  const cell = cellOf(app, matrix);
  if (!matrix.wrong.length) return null;
  return (
    <ol class="frequent" aria-label="The most frequent mistakes">
      {matrix.wrong.slice(0, most).map(({ cell: [truth, predicted], count }) => (
        <li key={`${truth},${predicted}`}>
          <button
            type="button"
            aria-pressed={truth === cell[0] && predicted === cell[1]}
            onClick={() => choose(app, [truth, predicted])}
          >
            <bdi>{shortened(className(app, truth), 20)}</bdi> → <bdi>{shortened(className(app, predicted), 20)}</bdi>
            <b>{whole(count)}</b>
          </button>
        </li>
      ))}
    </ol>
  );
}
