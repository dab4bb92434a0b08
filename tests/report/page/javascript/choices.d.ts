// What report/build.py writes above the page's scripts, from the tables in jaxinterp/choices.py.
declare const ACTIVATIONS: Record<string, (x: number) => number>;
declare const NORMS_OVER_UNITS: Record<string, (values: Float64Array, epsilon: number) => Float64Array>;
