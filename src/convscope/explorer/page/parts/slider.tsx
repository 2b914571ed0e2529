// A number of a range, under the drawing whose x axis it moves along: as wide as the drawing, with its value beside it.

interface Given {
  name: string;
  /** Width of the drawing [CSS pixel]. */
  width: number;
  least?: number;
  most: number;
  value: number;
  set: (value: number) => void;
  /** How the value is written. */
  text: string;
}

export function Slider({ name, width, least = 0, most, value, set, text }: Given) {
  return (
    <label class="slider" style={{ width: `${width}px` }}>
      <span>{name}</span>
      <input
        type="range"
        min={least}
        max={most}
        value={value}
        aria-valuetext={text}
        onInput={(event) => set(Number(event.currentTarget.value))}
      />
      <output>{text}</output>
    </label>
  );
}
