// What Streamlit hands to the script of a component.

export interface Component<Data> {
  data: Data;
  parentElement: HTMLElement | ShadowRoot;
  /** Keeps a value in the state of the session; the page reruns where it has changed. */
  setStateValue: (name: string, value: unknown) => void;
  /** Reports a value for one run of the page. */
  setTriggerValue: (name: string, value: unknown) => void;
}
