// What the server sends to the live view; see genlab/ui/routes.py and genlab/figures/live.py.

/** A number as JSON has it: infinite ones are words. */
export type Infinitable = number | "infinite" | "-infinite";

/** One line of a chart. */
export interface LineInfo {
  name: string;
  title: string;
  note: string;
  /** A known value that the line should reach. */
  truth: number | null;
  truth_label: string;
}

/** Where a panel or a chart stands, and what one sees in it; see genlab/core/views.py. */
export interface ViewInfo {
  section: string;
  sees: string;
  lesson: string;
  rank: number;
}

/** How the page is looked at, as the texts of a link. */
export interface ViewText {
  open?: string;
  enlarged?: string;
  zoom?: string;
  log?: string;
  field?: string;
  time?: string;
  layers?: string;
}

/** One group of lines with the same unit. */
export interface ChartInfo {
  key: string;
  title: string;
  note: string;
  view?: ViewInfo;
  lines: LineInfo[];
}

export type Level = "info" | "warning" | "error";

export interface RunEvent {
  step: number;
  level: Level;
  message: string;
  label?: string;
}

export interface RowBlock {
  step: number[];
  v: Record<string, (number | null)[]>;
}

export interface Standing {
  status: string;
  step: number;
  steps: number;
  /** Steps a second. */
  speed: number;
  /** Seconds until the end. */
  eta: number | null;
  /** In the queue, from 1. */
  position: number | null;
  /** Seconds until a queued run begins. */
  wait?: number | null;
  message: string;
  attempt: number;
}

/** What is new in a run; without a cursor everything there is. */
export interface Delta extends Standing {
  seq?: number;
  rows?: RowBlock[];
  events?: RunEvent[];
  charts?: ChartInfo[];
  frames?: Record<string, number[]>;
}

/** Steps of a run, and the seconds of training until each. */
export interface RunTimes {
  step: number[];
  seconds: number[];
}

/** What the page hands to the live view. */
export interface LiveData {
  /** `wake` changes when the browser should look at the run again. */
  runs: { id: string; title: string; wake: string }[];
  /** Where the slider stands at first, null for the newest. */
  step: number | null;
  clock?: "step" | "seconds";
  /** Whether the space bar pauses and resumes. */
  play: boolean;
  /** Titles of the groups by name, in order. */
  sections: Record<string, string>;
  /** Views of the panels by name. */
  panels: Record<string, ViewInfo>;
  /** Forms whose card is as wide as the page. */
  wide?: string[];
  /** How the page is looked at at first. */
  view: ViewText;
  /** Key of the place that the bar takes, empty where it stands above the cards. */
  bar: string;
  /** Whether one card at a time fills the window. */
  present?: boolean;
}

interface FrameBase {
  form: string;
  title?: string;
  note?: string;
}

export interface ImagesFrame extends FrameBase {
  n: number;
  columns: number;
  /** Channels, height and width of one image. */
  shape?: [number, number, number];
}

export interface PointsFrame extends FrameBase {
  x?: [number | null, number | null][];
  label?: number[];
  classes?: string[];
  /** Lower left and upper right corner; without it the axes follow the points. */
  box?: [[number, number], [number, number]];
  axes?: [string, string];
}

export interface HistogramFrame extends FrameBase {
  /** n + 1 ends of n bins. */
  edges: number[];
  counts: Record<string, number[]>;
  x_title?: string;
}

export interface BarsFrame extends FrameBase {
  x?: (string | number)[];
  y: (number | null)[];
  x_title?: string;
  y_title?: string;
}

export interface FieldFrame extends FrameBase {
  x: number[];
  y: number[];
  /** One row for each y. */
  z: (number | null)[][];
  low?: number;
  high?: number;
}

/** A field of the gap map: base64 of one byte a cell, 0 to 254 from low to high, 255 unknown. */
export interface GapField {
  title: string;
  low: number;
  high: number;
  z: string;
}

export interface GapFrame extends FrameBase {
  box: [[number, number], [number, number]];
  /** Cells a side of every field. */
  cells: number;
  fields: Record<string, GapField>;
  real: [number, number][];
  fake: [number, number][];
  /** From each of the first generated points, in data units. */
  arrows: [number, number][];
  grid: [number, number][][];
  /** Length of the longest arrow before it was scaled, per data unit. */
  push: number;
  /** Mean |D - D*|. */
  distance: number | null;
  /** The same of D* itself, where q is counted. */
  floor: number | null;
  n: number;
}

/** The velocity over the plane at several times; see genlab/probes/flow_field.py. */
export interface FlowFieldFrame extends FrameBase {
  box: [[number, number], [number, number]];
  /** Cells a side of every field. */
  cells: number;
  times: number[];
  fields: Record<string, { title: string; high: number[]; speed: string }>;
  /** Arrows a side. */
  knots: number;
  arrows: Record<string, { scale: number[]; xy: string }>;
  /** For each time the place of each particle. */
  particles: [number, number][][];
  excess: number[] | null;
  /** 0 where the axes have units of their own, so that the map fills the card. */
  equal_units?: number;
}

export interface LedgerRow {
  name: string;
  title: string;
  unit: string;
  kind: string;
  n: number;
  value: Infinitable;
  error: number | null;
  at_least: number | null;
  /** The least value this divergence can have. */
  least: number;
  /** The value of a perfect sampler with as many samples. */
  floor: Infinitable;
  bound: {
    side: "lower" | "upper";
    value: Infinitable;
    error: number | null;
    how: string;
    n: number;
  } | null;
}

export interface LedgerFrame extends FrameBase {
  rows?: LedgerRow[];
}

export interface CalibrationFrame extends FrameBase {
  bins: {
    low: number;
    high: number;
    /** Mean D(x) in the bin. */
    d: number | null;
    /** Share of real examples in the bin. */
    share: number | null;
    error: number | null;
    /** Mean D*(x) in the bin. */
    truth: number | null;
    n: number;
  }[];
  ece: number;
  chance: number;
  n: number;
}

export type DensityAxis = "density" | "probability" | "score";

export interface DensityFrame extends FrameBase {
  x: number[];
  lines: Record<string, { title: string; on: DensityAxis; y: (number | null)[] }>;
  real: number[];
  fake: number[];
  arrows: number[];
  push: number;
  /** Divergences: title, value and unit. */
  told: [string, Infinitable, string][];
  n: number;
}

/** A series of one arm of a study over its seeds; see genlab/ui/study_curves.py. */
export interface BandInfo {
  arm: string;
  step: number[];
  median: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  runs: { name: string; y: (number | null)[] }[];
}

/** What the page hands to the chart of a study. */
export interface BandsData {
  /** Name of the series, and its title. */
  key: string;
  title: string;
  /** The ends of the bands, in words. */
  between: string;
  bands: BandInfo[];
}
