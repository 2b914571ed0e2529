// Generated from src/convscope/explorer/document*.py by scripts/schema; never edited.

/** The version of the document that this page reads. */
export const SCHEMA = "convscope/explorer/1";

/** Output `o` reads `stride*o - lo + dilation*t`, `0 <= t < kernel`, on the input stretched `up`-fold. */
export interface Window {
  kind: "window";
  /** the output axis. */
  follows: number;
  /** number of input indices. */
  size: number;
  /** number of taps. */
  kernel: number;
  /** input steps for one output step. */
  stride: number;
  /** input steps between taps. */
  dilation: number;
  /** padding before the first index; negative values crop. */
  lo: number;
  /** padding after the last index. */
  hi: number;
  /** stretch factor: `up - 1` zeros lie between neighbours. */
  up: number;
  /**
   * what lies beyond the input: nothing (`zero`; `apart`, which does not continue the input), the border pixel
   * (`clamp`), the mirrored input (`reflect`), or the opposite end (`wrap`).
   */
  edge: "zero" | "apart" | "clamp" | "reflect" | "wrap";
}

/** Output `o` reads `first[o] .. last[o]`, inclusive; nothing if `first[o] > last[o]`. */
export interface Table {
  kind: "table";
  /** the output axis. */
  follows: number;
  /** number of input indices. */
  size: number;
  /** number of output indices. */
  extent: number;
  /** an index for each output. */
  first: number[];
  /** likewise. */
  last: number[];
}

/**
 * Output `o` reads `width` indices from `floor(o / run) % turn * step + shift`, those within the input. The compact
 * form of large tables: groups of channels, parts of a concatenation, the axes of a flattened map.
 */
export interface Blocks {
  kind: "blocks";
  /** the output axis. */
  follows: number;
  /** number of input indices. */
  size: number;
  /** number of output indices. */
  extent: number;
  /** successive outputs that read the same indices. */
  run: number;
  /** after this number of runs it begins again; null if it never does. */
  turn: number | null;
  /** input indices from one run to the next. */
  step: number;
  /** first index of output 0. */
  shift: number;
  /** number of indices that an output reads. */
  width: number;
}

/** Every one of `extent` outputs reads every one of `size` inputs. */
export interface All {
  kind: "all";
  /** the output axis. */
  follows: number;
  /** number of input indices. */
  size: number;
  /** number of output indices. */
  extent: number;
  /** whether this is only an upper bound: a table that is too large for the document. */
  bound: boolean;
}

/** An input tensor of the net. */
export interface Input {
  /** name by which layers refer to it. */
  name: string;
  /** `c h w`. */
  shape: number[];
  /** kind of its values. */
  kind: "float" | "int" | "bool";
}

/** An output tensor of the net. */
export interface Output {
  /** its name. */
  name: string;
  /** the layer or input that is returned. */
  layer: string;
}

/** Where a layer is written in the user's text. */
export interface Written {
  /** line number, from 1. */
  line: number;
  /** column number, from 1. */
  column: number;
  /** the text at this position. */
  words: string;
}

/** The receptive field along one axis of the input. */
export interface AxisField {
  /** pixels from the first to the last, including padding; the largest over the phases. 0: nothing is seen. */
  size: number;
  /** units of the layer before that one unit reads; null if its units do not lie along this axis. */
  local: number | null;
  /** pixels between the fields of neighbours, as numerator and denominator; null without a steady advance. */
  stride: [number, number] | null;
  /** first pixel of unit 0, negative on padding; null if units have no order along this axis. */
  start: number | null;
  /** middle of the field of unit 0, as numerator and denominator; null likewise. */
  centre: [number, number] | null;
  /**
   * first and last pixel of units 0, 1, … of one period, after which the boxes repeat further on by the stride times
   * the period; null if every unit has the size `size` (period 1).
   */
  phases: [number, number][] | null;
  /** false if `size` is an upper bound, or exact in the interior only. */
  exact: boolean;
  /** whether it is exact in the interior only. */
  seams: boolean;
}

/** A tensor of a layer. */
export interface Weight {
  /** as in the lowered module, such as `weight`. */
  name: string;
  /** output channels first; of a transposed convolution, input channels first. */
  shape: number[];
  /** dtype in which the source stores it. */
  dtype: string;
  /** whether it counts as a parameter; false for running statistics. */
  trained: boolean;
  /** whether it is a parameter that is not trained. */
  frozen: boolean;
  /** key of its values in the blobs, little-endian and contiguous; null if they are not in the document. */
  blob: string | null;
  /** dtype of the values in the blob. */
  stored: "float16" | "float32";
}

/** A layer at its shapes. */
export interface Layer {
  /** unique in the net. */
  name: string;
  /** keyword of its op in the notation. */
  op: string;
  /** the op as written in the notation, without settings at their defaults. */
  text: string;
  /** the fields of the op, fitted to the input: one entry for each spatial axis. */
  settings: Record<string, Setting>;
  /** names of layers or inputs of the net. */
  inputs: string[];
  /** shape of the output. */
  out: number[];
  /** number of parameters; null if unknown. */
  params: number | null;
  /** multiply-adds for one sample; null if unknown. */
  macs: number | null;
  /** size of the output, float32, one sample. */
  bytes: number;
  /** live activations while the layer runs in inference, float32, one sample. */
  live: number;
  /** receptive field along the spatial paths, one entry for each spatial axis of the input. */
  rf: AxisField[];
  /** the field with gates; null if equal. */
  gated: AxisField[] | null;
  /** for each input, for each of its axes, an index into the reads of the net. */
  reads: number[][];
  /** further reads of the first input, by statistics that scale all units alike; empty for most ops. */
  statistics: number[];
  /** how far the reads exceed what is read; empty if they are exact. */
  hull: "" | "channels" | "positions" | "unknown";
  /** whether each output index reads exactly the same index of a single input. */
  pointwise: boolean;
  /** the tensors that it computes with; null if unknown. */
  weights: Weight[] | null;
  /** whether its weights are counted at another layer, which uses them first. */
  shared: boolean;
  /** where it is written; null if it was not read from text. */
  origin: Written | null;
}

/** The place of an input or a layer in the drawing. */
export interface Place {
  /** its name. */
  layer: string;
  /** from the left; an input of the net is in column 0, a layer at least one to the right of what it reads. */
  column: number;
  /** 0 for the longest path, 1, 2, … for paths above it, -1, -2, … for paths below. */
  lane: number;
  /** the path of the module that it is in, parts separated by dots; empty at the top. */
  module: string;
}

/** An edge, or several from one source, that pass columns beside the layers there: shortcuts, skips. */
export interface Arc {
  /** the input or layer that is read. */
  source: string;
  /** the layers that read it, in order. */
  targets: string[];
  /** the lane along which it passes, at least 1. */
  lane: number;
}

/** Sums over all layers; lower bounds if a part is unknown. */
export interface Totals {
  /** parameters, those that no layer reads included. */
  params: number;
  /** those of them that are not trained, as far as known. */
  frozen: number;
  /** multiply-adds for one sample. */
  macs: number;
  /** size of all outputs, float32, one sample. */
  bytes: number;
  /** whether nothing is missing in the parameters and multiply-adds. */
  exact: boolean;
  /** names of the layers whose part is unknown. */
  missing: string[];
}

/** The moment of inference with the most live activations, float32, one sample. */
export interface Peak {
  /** their size. */
  bytes: number;
  /** the layer that runs. */
  layer: string;
  /** names of the inputs and layers whose tensors are alive. */
  live: string[];
}

/** A net at its input shapes. */
export interface Net {
  /** its inputs, in order; at least one. */
  inputs: Input[];
  /** name of the input on whose pixels the receptive fields are measured. */
  of: string;
  /** its outputs, in order; at least one. */
  outputs: Output[];
  /** in topological order. */
  layers: Layer[];
  /** each distinct read once. */
  reads: Read[];
  /** sums over the layers. */
  totals: Totals;
  /** the peak of memory. */
  peak: Peak;
  /** where the inputs and the layers are drawn, in this order. */
  places: Place[];
  /** edges that are drawn beside the layers; every other edge joins neighbours, or follows the lane of one. */
  arcs: Arc[];
  /** further facts about the source, one sentence each. */
  notes: string[];
}

/** An image, with the prediction for it if there is one. */
export interface Image {
  /** its file, or its split and index. */
  name: string;
  /** the split of the data set that it is in; empty for a given image. */
  split: string;
  /** its index in the split; null for a given image. */
  number: number | null;
  /** index of its class; null if unknown. */
  truth: number | null;
  /** index of the predicted class; null without a prediction. */
  predicted: number | null;
  /** probability of the predicted class. */
  probability: number | null;
  /** cross-entropy in nats. */
  loss: number | null;
  /** for each class, before the softmax; null without a prediction, or with more than 100 classes. */
  scores: number[] | null;
  /**
   * training images with the nearest values before the last layer, nearest first: index in the neighbours of the
   * document, and distance; empty where they were not searched.
   */
  near: [number, number][];
  /** `h w c`. */
  shape: [number, number, number];
  /** key of its pixels in the blobs, uint8 `h w c`. */
  blob: string;
}

/** A line of the training log. */
export interface Report {
  /** number of steps done. */
  step: number;
  /** epochs done, a fraction within an epoch. */
  epoch: number;
  /** mean over the training images since the epoch began, in nats. */
  loss: number;
  /** likewise. */
  accuracy: number;
  /** at this step. */
  learning_rate: number;
  /** time of training so far. */
  seconds: number;
  /** on the validation images; null where the net was not validated. */
  val_loss: number | null;
  /** likewise. */
  val_accuracy: number | null;
}

/** How sure the net is of its predictions, and its loss if it were more or less so. */
export interface Sureness {
  /**
   * correctly classified images by the probability of the predicted class, in hundredths: 100 counts, the last one with
   * those of probability 1.
   */
  correct: number[];
  /** misclassified images likewise. */
  wrong: number[];
  /** mean of that probability over the correctly classified images; null without such images. */
  mean_correct: number | null;
  /** over the misclassified images; likewise. */
  mean_wrong: number | null;
  /** the loss if all scores are multiplied by 0.1, 0.2, … 10, in nats; empty where it was not computed. */
  scaled: number[];
  /** number of images over which it was computed, evenly spaced. */
  scaled_images: number;
}

/** The result on a split of the data set. */
export interface Evaluation {
  /** its name. */
  split: string;
  /** number of images. */
  count: number;
  /** number of correctly classified images. */
  hits: number;
  /** their share. */
  accuracy: number;
  /** 95 % interval of the accuracy (Wilson). */
  interval: [number, number];
  /** mean cross-entropy in nats. */
  loss: number;
  /** expected calibration error, 0 to 1. */
  calibration: number;
  /** `[true, predicted, count]` for each pair that occurs. */
  confusion: [number, number, number][];
  /** how sure the net is of its predictions; null where it was not computed. */
  sureness: Sureness | null;
}

/** The values of a layer over a sample of test images, one entry for each channel. */
export interface Activity {
  /** the layer. */
  layer: string;
  /** number of images in the sample. */
  images: number;
  /** mean of the values. */
  mean: number[];
  /** their standard deviation. */
  std: number[];
  /** share of the values that are positive. */
  positive: number[];
  /** channels that have the same value at all positions of all images. */
  dead: number[];
  /** pairs of channels that rise and fall together (correlation of at least 0.999), dead ones left out. */
  twins: [number, number][];
  /**
   * effective rank of the channels: the exponential of the entropy of the eigenvalues of their covariance, as shares
   * (Roy and Vetterli, EUSIPCO 2007); 0 if all are dead.
   */
  rank: number;
}

/** The data set that a run was trained on. */
export interface Data {
  /** its name, without folders of this machine. */
  name: string;
  /** the licence and the authors. */
  licence: string;
  /** images by split. */
  counts: Record<string, number>;
  /** SHA-256 of a sample of the images and labels, by split. */
  fingerprints: Record<string, string>;
}

/** A line of the provenance. */
export interface Fact {
  /** what. */
  name: string;
  /** its value, as text. */
  value: string;
}

/** A training run. */
export interface Run {
  /** name of its folder. */
  name: string;
  /** the step at which it was stopped; null for a finished run. */
  step: number | null;
  /** for weights, order and shifts. */
  seed: number;
  /** name of the recipe. */
  recipe: string;
  /** the data set. */
  data: Data;
  /** time of training. */
  seconds: number;
  /** speed of training; null for a run that is not finished. */
  images_per_second: number | null;
  /** the result on the test images; null if they are not at hand. */
  evaluation: Evaluation | null;
  /** the training log, at most some hundreds of lines, evenly spaced, and all with a validation. */
  log: Report[];
  /** values of layers over test images; empty if these are not at hand. */
  activity: Activity[];
  /** what is needed to repeat the run. */
  provenance: Fact[];
}

/** Two runs on the same test images, and whether one is better. */
export interface Paired {
  /** images that both classify correctly. */
  both: number;
  /** images that only the first classifies correctly. */
  only_first: number;
  /** images that only the second classifies correctly. */
  only_second: number;
  /** images that both misclassify. */
  neither: number;
  /** accuracy of the second minus that of the first. */
  difference: number;
  /** 95 % interval of the difference (Bonett and Price). */
  interval: [number, number];
  /** p value of McNemar's exact test, two-sided. */
  p: number;
  /**
   * images that only one classifies correctly, at most some hundreds: index in the split, true class, and what the
   * first and what the second predicts.
   */
  images: [number, number, number, number][];
}

/** A second run, which the first is compared with. */
export interface Against {
  /** the second run; the values of its layers are left out. */
  run: Run;
  /** its net in the notation. */
  notation: string;
  /** the comparison on the test images. */
  paired: Paired;
}

/** The reader has been at each of some places. */
export interface Visit {
  kind: "visit";
  /** a key of the page's address, such as `unit`. */
  key: string;
  /** its values, as they are written there. */
  values: string[];
}

/** The reader has changed something that the step shows. */
export interface Change {
  kind: "change";
  /** a key of the page's address, such as `kernel`. */
  key: string;
}

/** The net, as it is now, meets some conditions; those that are null are not asked. */
export interface Reach {
  kind: "reach";
  /** side of the receptive field of the last layer, at least [input pixel]. */
  field: number | null;
  /** parameters, at most. */
  params: number | null;
  /** multiply-adds, at most [MAC]. */
  macs: number | null;
  /** shape `c h w` of the output. */
  out: number[] | null;
}

/** A question whose answer is a number. */
export interface Numeric {
  kind: "number";
  /** the question. */
  ask: string;
  /** the answer. */
  right: number;
  /** how far an answer may be from it. */
  within: number;
  /** what to say to a wrong answer, by that answer. */
  hints: Record<string, string>;
}

/** A question with answers to choose from. */
export interface Choice {
  kind: "choice";
  /** the question. */
  ask: string;
  /** the answers. */
  options: string[];
  /** index of the correct one. */
  right: number;
  /** what to say to a wrong one, by its index. */
  hints: Record<string, string>;
}

/** A question that is answered by changing the net. */
export interface Task {
  kind: "task";
  /** what to do. */
  ask: string;
  /** what the net must meet. */
  until: Reach;
}

/** A state of the page, and what to do there. */
export interface Step {
  /** values by key of the page's address; all other keys are as at the start. */
  show: Record<string, string>;
  /** the text, at most 60 words. */
  read: string;
  /** the part of the page that stays covered until the prediction is made; empty if there is none. */
  cover: "" | "output" | "costs" | "field";
  /** what is asked before the result is shown; the answer is kept beside it, without a mark. */
  predict: Numeric | Choice | null;
  /** what the page waits for before it shows `notice`; null if the reader only reads. */
  do: Visit | Change | Reach | null;
  /** what there is to see after that; may be empty. */
  notice: string;
}

/** A lesson. */
export interface Lesson {
  /** its name on the command line. */
  name: string;
  /** the question that it answers. */
  title: string;
  /** the answer in a sentence or two. */
  idea: string;
  /** in order; at least one. */
  steps: Step[];
  /** a calculation to redo by hand. */
  hand: string;
  /** a mistake that is often written, and what is right. */
  wrong: string;
  /** asked at the end. */
  question: Question;
  /** what to try next. */
  further: string;
}

/** Where a net comes from. */
export interface Origin {
  /** kind of the source; `net` if that is no longer known. */
  kind: "notation" | "net" | "module" | "onnx" | "keras" | "run";
  /** the source in words, for a reader; never a path of this machine. */
  words: string;
}

/** A finding of a design check. */
export interface Finding {
  /** code of the check. */
  code: string;
  /** the layer; null if it is about the entire net. */
  layer: string | null;
  /** `error` and `warning` fail a gate, `note` does not. */
  level: "error" | "warning" | "note";
  /** the fact, with numbers. */
  what: string;
  /** why it matters. */
  why: string;
  /** what to do. */
  do: string;
  /** the effect of doing so, in numbers; may be empty. */
  change: string;
}

/** How pixels of 0 to 255 become what the net is given: `(pixel / 255 - mean) / std`. */
export interface Preparation {
  /** a number for each channel. */
  mean: number[];
  /** a number for each channel. */
  std: number[];
  /** whether an image shows bright strokes on a dark, empty background with its mass in the middle. */
  ink: boolean;
  /** `dark` or `light`, the plain background of the images; empty if they have none or are not examined. */
  ground: "" | "dark" | "light";
}

/** The document. */
export interface Document {
  /** the version of this format. */
  schema: "convscope/explorer/1";
  /** the version that wrote it. */
  convscope: string;
  /** for the top of the page. */
  title: string;
  /** where the net comes from. */
  origin: Origin;
  /** the net in the notation, which reads back as this net; null where the notation cannot say it. */
  notation: string | null;
  /** the net. */
  net: Net;
  /** findings of the design checks. */
  checks: Finding[];
  /** names of the classes; empty if unknown. */
  classes: string[];
  /** how pixels become the input of the net; null if unknown. */
  preparation: Preparation | null;
  /** images for the views: a sample, and of a run the misclassified ones. */
  images: Image[];
  /** training images that are nearest to misclassified ones. */
  neighbours: Image[];
  /** the run; null for a net. */
  run: Run | null;
  /** the run that it is compared with; null for most documents. */
  against: Against | null;
  /** what is not in the document, and why: one sentence each. */
  left_out: string[];
  /** base64 by the SHA-256 of the bytes, in hexadecimal; empty where the host serves them. */
  blobs: Record<string, string>;
  /** the lesson that the page plays; null for most documents. */
  lesson: Lesson | null;
}

export type Read = Window | Table | Blocks | All;

export type Setting = boolean | number | string | (number | [number, number])[];

export type Condition = Visit | Change | Reach;

export type Question = Numeric | Choice | Task;
