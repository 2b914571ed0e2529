/** Words of other libraries. */

/** Other libraries' names of our ops. */
export const OTHER_NAMES: Readonly<Record<string, string>> = {
  batchnorm: "bn",
  batchnorm2d: "bn",
  batch_norm: "bn",
  batchnormalization: "bn",
  norm: "bn",
  conv1d: "conv",
  conv2d: "conv",
  conv3d: "conv",
  convolution: "conv",
  pool: "maxpool",
  maxpool2d: "maxpool",
  max_pool: "maxpool",
  mp: "maxpool",
  maxpooling2d: "maxpool",
  maxpooling: "maxpool",
  avgpool2d: "avgpool",
  avg_pool: "avgpool",
  averagepooling2d: "avgpool",
  averagepooling: "avgpool",
  averagepool: "avgpool",
  meanpool: "avgpool",
  globalavgpool: "gap",
  globalaveragepooling2d: "gap",
  globalaveragepooling: "gap",
  adaptiveavgpool2d: "gap",
  globalmaxpool: "gmp",
  globalmaxpooling2d: "gmp",
  globalmaxpooling: "gmp",
  dense: "linear",
  fc: "linear",
  concat: "cat",
  concatenate: "cat",
  identity: "id",
  skip: "id",
  leakyrelu: "leaky_relu",
  lrelu: "leaky_relu",
  swish: "silu",
  multiply: "mul",
  sum: "add",
  upsample: "up",
  upsampling2d: "up",
  conv2dtranspose: "convt",
  convtranspose2d: "convt",
  deconv: "convt",
  conv_transpose: "convt",
  convtranspose: "convt",
  tconv: "convt",
  groupnorm: "gn",
  layernorm: "ln",
  transposed: "convt",
  globalpool: "gap",
  global_pool: "gap",
  unshuffle: "pixelunshuffle",
  space_to_depth: "pixelunshuffle",
  spacetodepth: "pixelunshuffle",
  depth_to_space: "pixelshuffle",
  depthtospace: "pixelshuffle",
  subpixel: "pixelshuffle",
  permute: "rearrange",
  transpose: "rearrange",
  reshape: "rearrange",
  zeropad: "pad",
  zero_pad: "pad",
  hswish: "hardswish",
  instancenorm: "instnorm",
  mha: "attention",
  zeropadding2d: "pad",
  cropping2d: "crop",
};

export const DEPTHWISE: ReadonlySet<string> = new Set([
  "depthwise",
  "depthwise_conv",
  "depthwiseconv",
  "depthwiseconv2d",
  "dw",
  "dwconv",
  "dwconv2d",
]);

export const SEPARABLE: ReadonlySet<string> = new Set([
  "dsconv",
  "separable",
  "separable_conv",
  "separableconv",
  "separableconv2d",
  "sepconv",
  "sepconv2d",
]);

export const POINTWISE: ReadonlySet<string> = new Set(["conv1x1", "pointwise", "pointwiseconv", "pwconv"]);

export const SQUEEZE: ReadonlySet<string> = new Set([
  "se",
  "seblock",
  "squeeze_excitation",
  "squeeze_excite",
  "squeezeexcite",
]);

export const RESIDUAL: ReadonlySet<string> = new Set(["res", "resblock", "residual", "shortcut"]);

export const SMOOTHED: ReadonlySet<string> = new Set([
  "bilinear",
  "interpolate",
  "upsample_bilinear",
  "upsamplebilinear",
  "upsamplingbilinear2d",
]);

/** Interpolations. */
export const SMOOTH: Readonly<Record<string, string>> = {
  bilinear: "bilinear",
  linear: "bilinear",
  trilinear: "bilinear",
  bicubic: "bicubic",
};

/** Our spelling of settings, by other libraries' names. */
export const SPELLED: Readonly<Record<string, string>> = {
  stride: "s",
  strides: "s",
  padding: "p",
  pad: "p",
  dilation: "d",
  dilations: "d",
  rate: "d",
  dilation_rate: "d",
  dil: "d",
  group: "g",
  groups: "g",
  output_padding: "o",
  kernel: "",
  kernel_size: "",
  k: "",
  ks: "",
  f: "",
  filters: "",
  channels: "",
  out: "",
  out_channels: "",
  features: "",
  units: "",
  size: "",
  factor: "",
  scale_factor: "",
  s: "s",
  p: "p",
  d: "d",
  g: "g",
  activation: "",
  act: "",
};

/** Example values of settings. */
export const USUAL: Readonly<Record<string, string>> = {
  s: "2",
  p: "1",
  d: "2",
  g: "2",
  o: "1",
};
