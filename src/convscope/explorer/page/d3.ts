// The few functions of d3 that the page uses, with their types.

// @ts-types="@types/d3-array"
export { bin, extent, max, nice, ticks } from "d3-array";
