// What the server sends to the tools of the Explore page; see genlab/figures/latent.py,
// genlab/ui/explore/pad.py and genlab/browser/decoder_program.py.

/** A map of points. */
export interface MapData {
  /** Identity of the map: the view stays while it stays. */
  id: string;
  n: number;
  dims: 2 | 3;
  /** Ends of the axes, one number for each dimension. */
  low: number[];
  high: number[];
  /** Base64 of 16-bit numbers between `low` and `high`, point by point. */
  xy?: string;
  /** The same for each snapshot. */
  frames?: string[];
  /** Address of the positions, classes and generated points of a large map. */
  binary?: string;
  /** Step of each snapshot. */
  steps?: number[];
  /** Base64 of a byte a point: its class, or its value from low to high. */
  colour?: string;
  /** Base64 of a byte a point: 1 where the model generated it. */
  generated?: string;
  palette: string[];
  /** Names of the classes. */
  names?: string[] | null;
  /** The values that the colours stand for. */
  values?: { title: string; low: number; high: number } | null;
  words: string;
  quality?: string;
  axes?: [string, string] | null;
  /** Pictures of the points on one sheet. */
  sprites?: { url: string; columns: number; width: number; height: number } | null;
  /** Rows with a letter. */
  marks?: Record<string, number>;
  /** Points of the reader's own. */
  guests?: { letter: string; at: number[] }[];
  /** Rows that are selected. */
  set?: number[];
  /** Whether a lasso and a box can select rows. */
  pick?: boolean;
  /** Whether a click beside all points counts. */
  spots?: boolean;
  /** Number of the last click that the server knows. */
  clicks?: number;
  /** Maps of one group mark the same rows. */
  link?: string;
}

/** A part of a program's numbers: given here, or [offset, count] in words of four bytes. */
export interface NumbersAt {
  inline?: number[];
  at?: [number, number];
}

/** One operation; which fields it has depends on `op`. */
export interface Operation {
  op: string;
  size: number;
  x?: number;
  y?: number;
  s?: number;
  c?: number;
  xs?: number[];
  w?: NumbersAt;
  b?: NumbersAt;
  i?: NumbersAt;
  scale?: NumbersAt;
  shift?: NumbersAt;
  [field: string]: unknown;
}

/** A decoder as a list of operations. */
export interface Program {
  ops: Operation[];
  /** Index of the operation whose value is the example. */
  last: number;
  /** Shape of the example. */
  shape: number[];
  /** Address of the numbers. */
  weights: string;
}

/** The latent pad. */
export interface PadData {
  /** Number of the last move that the server knows. */
  n: number;
  z: number[];
  /** Unit vectors of the directions across and upwards. */
  u: number[];
  v?: number[] | null;
  names: string[];
  /** Ranges of the two directions. */
  span: [[number, number], [number, number]] | [[number, number]];
  /** Codes of the data along the directions. */
  dots: number[][];
  /** Addresses of the decoder. */
  program: string;
  weights: string;
  /** Ranges of the data space, where the data are points. */
  box?: [[number, number], [number, number]];
  points?: number[][];
  /** Names of the first two columns. */
  axes?: [string, string];
  /** Of the first two columns: shift, scale, and the offset of the logarithm, or -1 for none. */
  units?: [number, number, number][];
}

/** The canvas to draw on. */
export interface DrawData {
  /** Pixels of the model's pictures a side, and of the canvas. */
  pixels: number;
  side: number;
  /** Colours of the background and of the pen. */
  ground: string;
  ink: string;
  /** Whether the pictures have colours. */
  colours: boolean;
  /** The drawing so far as a `data:` address. */
  drawing: string | null;
}
