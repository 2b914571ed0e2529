// The few functions of d3 that the page uses, with their types.

// @ts-types="@types/d3-array"
export { bin, extent, max, nice, range, ticks } from "d3-array";
// @ts-types="@types/d3-scale"
export { scaleBand, scaleLinear, scaleLog, scaleSqrt } from "d3-scale";
// @ts-types="@types/d3-shape"
export { area, curveMonotoneX, curveStep, line } from "d3-shape";
