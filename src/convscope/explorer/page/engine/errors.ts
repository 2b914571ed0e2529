/** Errors in a user's input, with the words of Python's: what is wrong, what was expected, what to try. */

export class EngineError extends Error {
  readonly kind: string = "EngineError";
  /** What would have been accepted. */
  readonly expected: string;
  /** What to try, if it is certain to help. */
  attempt: string;

  constructor(message: string, expected = "", attempt = "") {
    super(message);
    this.expected = expected;
    this.attempt = attempt;
  }
}

/** An op does not fit its input. */
export class ShapeError extends EngineError {
  override readonly kind = "ShapeError";
}

/** A setting has an invalid value. */
export class FieldError extends EngineError {
  override readonly kind = "FieldError";
}

/** There is no layer, input or op of that name. */
export class UnknownNameError extends EngineError {
  override readonly kind = "UnknownNameError";
}

/** The text of a net cannot be read. Line and column count from 1. */
export class NotationError extends EngineError {
  override readonly kind = "NotationError";
  constructor(
    message: string,
    readonly line: number,
    readonly column: number,
    readonly words: string,
    expected = "",
    attempt = "",
  ) {
    super(message, expected, attempt);
  }
}
