// A choice of a few, side by side.

interface Given<T extends string> {
  label: string;
  options: readonly { id: T; name: string }[];
  value: T;
  choose: (id: T) => void;
}

export function Segments<T extends string>({ label, options, value, choose }: Given<T>) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          type="button"
          key={option.id}
          aria-pressed={option.id === value}
          onClick={() => choose(option.id)}
        >
          {option.name}
        </button>
      ))}
    </div>
  );
}
