// "Show as table": the numbers of a chart as rows; a long table holds only the rows that can be seen.

import { useRef, useState } from "preact/hooks";
import { whole } from "../words.ts";

export type Cell = string | number;

export interface Table {
  columns: readonly string[];
  rows: number;
  row(i: number): readonly Cell[];
}

const ROW = 24, SEEN = 16, BESIDE = 20;

/** As comma-separated values; what a spreadsheet would take for a formula stays text. */
export function csv(table: Table): string {
  const cell = (value: Cell): string => {
    const text = typeof value === "number" ? String(value) : /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [table.columns.map(cell).join(",")];
  for (let i = 0; i < table.rows; i++) lines.push(table.row(i).map(cell).join(","));
  return `${lines.join("\n")}\n`;
}

export function Sheet({ name, file, table }: { name: string; file: string; table: () => Table }) {
  const [open, opens] = useState(false);
  return (
    <section class="sheet" data-cover="costs field">
      <span class="buttons">
        <button type="button" class="link" aria-expanded={open} onClick={() => opens(!open)}>
          {open ? "Hide the table" : name}
        </button>
        <button type="button" class="link" onClick={() => save(file, csv(table()))}>Save as CSV</button>
      </span>
      {open && <Rows table={table()} name={name} />}
    </section>
  );
}

function save(file: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const anchor = document.createElement("a");
  [anchor.href, anchor.download] = [url, file.replace(/[^\w.-]+/g, "_")];
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function Rows({ table, name }: { table: Table; name: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [top, scrolled] = useState(0);
  const first = Math.max(0, Math.floor(top / ROW) - BESIDE);
  const end = Math.min(table.rows, first + SEEN + 2 * BESIDE);
  const shown = Array.from({ length: end - first }, (_, k) => table.row(first + k));
  return (
    <div
      ref={box}
      class="rows"
      tabIndex={0}
      role="region"
      aria-label={name}
      onScroll={(event) => scrolled(event.currentTarget.scrollTop)}
    >
      <table aria-rowcount={table.rows + 1}>
        <thead>
          <tr>{table.columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr>
        </thead>
        <tbody>
          {first > 0 && <tr aria-hidden="true" style={{ height: `${first * ROW}px` }} />}
          {shown.map((row, k) => (
            <tr key={first + k} aria-rowindex={first + k + 2}>
              {row.map((cell, c) =>
                c === 0
                  ? <th key={c} scope="row">{cell}</th>
                  : (
                    <td key={c} class={typeof cell === "number" ? "num" : ""}>
                      {typeof cell === "number" ? whole(cell) : cell}
                    </td>
                  )
              )}
            </tr>
          ))}
          {end < table.rows && <tr aria-hidden="true" style={{ height: `${(table.rows - end) * ROW}px` }} />}
        </tbody>
      </table>
    </div>
  );
}
