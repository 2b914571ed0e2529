/** Words of the messages about ops that lack a setting. */

/** Names of missing settings in errors. */
export const NEEDS: Readonly<Record<string, string>> = {
  out: "an output size",
  kernel: "a kernel size",
  size: "a size",
  shape: "a shape",
  sides: "its sides",
  factor: "a factor",
  groups: "the number of groups",
  count: "a count",
  range: "a range",
};

/** An example of each op that has a required setting. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  threshold: "threshold 0.5",
  clamp: "clamp -1 2",
  conv: "conv 4 3x3",
  convt: "convt 3 4 s2 p1",
  linear: "linear 4",
  gn: "gn 2",
  lrn: "lrn 3 alpha0.01 beta0.5 k2",
  pad: "pad 1",
  crop: "crop 1",
  roll: "roll 1x2",
  maxpool: "maxpool 2",
  avgpool: "avgpool 2",
  aavgpool: "aavgpool 2",
  amaxpool: "amaxpool 2",
  up: "up 2",
  resize: "resize 5x3",
  map: "map exp",
  times: "times 0.5",
  plus: "plus 1.5",
  pow: "pow 2",
  scale: "scale 1x1x4",
  shift: "shift 1x1x4",
  const: "const 4x3x2",
  shuffle: "shuffle 2",
  pixelshuffle: "pixelshuffle 2",
  pixelunshuffle: "pixelunshuffle 2",
  take: "take 0:2",
  tokens: "tokens 1",
};
