// What went wrong, in a sentence for the reader, and what to do about it.

export class Trouble extends Error {
  readonly attempt: string;

  constructor(sentence: string, attempt = "") {
    super(sentence);
    this.name = "Trouble";
    this.attempt = attempt;
  }
}
