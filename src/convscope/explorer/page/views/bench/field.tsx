// One setting of a layer: typed, stepped with the arrow keys, or dragged by its name.

import { useRef, useState } from "preact/hooks";
import { EngineError } from "../../engine/errors.ts";
import type { Setting } from "../../engine/spell.ts";

const NAMES: Record<string, string> = {
  out: "Channels",
  kernel: "Kernel",
  stride: "Stride",
  pad: "Padding",
  dilation: "Dilation",
  groups: "Groups",
  output: "Output padding",
  p: "Probability",
};

const DRAG = 14; // pixels of a drag for one step

export const nameOf = (setting: Setting): string =>
  NAMES[setting.name] ?? setting.name.charAt(0).toUpperCase() + setting.name.slice(1).replaceAll("_", " ");

/** The letters before a number in the notation, which a reader need not type. */
const prefixOf = (setting: Setting): string => /^[a-z]*(?=[A-Z])/.exec(setting.kind.usage(setting.name))?.[0] ?? "";

export function textOf(setting: Setting, value: unknown): string {
  if (Array.isArray(value) && value.length === 0) return "";
  const word = setting.kind.word(value), prefix = prefixOf(setting);
  return prefix && word.startsWith(prefix) && /\d/.test(word.charAt(prefix.length)) ? word.slice(prefix.length) : word;
}

/** The value that a reader typed; throws an EngineError that says what was expected. */
export function valueOf(setting: Setting, typed: string): unknown {
  const text = typed.trim().toLowerCase().replaceAll("×", "x").replaceAll(" ", "");
  const found = setting.kind.match(text) ?? setting.kind.match(prefixOf(setting) + text);
  if (found === undefined) {
    throw new EngineError(`"${typed.slice(0, 20)}" is not a value of ${nameOf(setting).toLowerCase()}`, "a number");
  }
  setting.kind.validate(setting.name, found);
  return found;
}

/** A value some steps further: all of its numbers, the channels by eighths. */
export function stepped(setting: Setting, value: unknown, steps: number): unknown {
  const by = (number: number): number => {
    const unit = setting.name === "out" && number >= 16 ? 2 ** Math.floor(Math.log2(number / 8)) : 1;
    return Math.max(0, number + steps * unit);
  };
  const turned = (one: unknown): unknown =>
    typeof one === "number" ? by(one) : Array.isArray(one) ? one.map(turned) : one;
  const next = setting.name === "pad" && value === "same" ? value : turned(value);
  try {
    setting.kind.validate(setting.name, next);
    return next;
  } catch (error) {
    if (error instanceof EngineError) return value;
    throw error;
  }
}

interface Given {
  setting: Setting;
  value: unknown;
  change: (value: unknown, how: "step" | "glide") => void;
}

export function Field({ setting, value, change }: Given) {
  const [typed, type] = useState<string | null>(null);
  const [wrong, say] = useState("");
  const drag = useRef({ x: 0, value });
  const name = nameOf(setting), id = `setting-${setting.name}`;
  if (typeof value === "boolean") {
    return (
      <label class="setting flag">
        <input type="checkbox" checked={value} onInput={(event) => change(event.currentTarget.checked, "step")} />{" "}
        {name}
      </label>
    );
  }
  const accept = (text: string): void => {
    type(text);
    try {
      change(valueOf(setting, text), "glide");
      say("");
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      say(error.expected ? `${error.message}; expected: ${error.expected}` : error.message);
    }
  };
  const step = (by: number): void => {
    type(null);
    say("");
    change(stepped(setting, value, by), "glide");
  };
  return (
    <div class="setting">
      <label
        for={id}
        class="handle"
        title="Drag to change"
        onPointerDown={(event) => {
          event.preventDefault();
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = { x: event.clientX, value };
        }}
        onPointerMove={(event) => {
          if (!(event.buttons & 1)) return;
          const by = Math.round((event.clientX - drag.current.x) / DRAG);
          change(stepped(setting, drag.current.value, by), "glide");
        }}
      >
        {name}
      </label>
      <span class="stepper">
        <button type="button" aria-label={`${name} down`} tabIndex={-1} onClick={() => step(-1)}>−</button>
        <input
          id={id}
          value={typed ?? textOf(setting, value)}
          aria-invalid={wrong !== ""}
          aria-describedby={`${id}-wrong`}
          onInput={(event) => accept(event.currentTarget.value)}
          onBlur={() => (type(null), say(""))}
          onKeyDown={(event) => {
            const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
            if (by) (event.preventDefault(), step(by));
            else if (event.key === "Enter" || event.key === "Escape") event.currentTarget.blur();
          }}
        />
        <button type="button" aria-label={`${name} up`} tabIndex={-1} onClick={() => step(1)}>+</button>
      </span>
      <span id={`${id}-wrong`} class="wrong" role="status">{wrong}</span>
    </div>
  );
}
