// Small helpers for elements of the page, drawing contexts and addresses.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, string | number>} Attributes attribute values by name */

/**
 * Sets attributes and text of a new element and appends it.
 * @template {Element} T
 * @param {T} node the element
 * @param {Attributes} attributes by name
 * @param {ParentNode | null} parent where the element is appended, if anywhere
 * @param {string | null} text content of the element
 * @returns {T} the element
 */
function finish(node, attributes, parent, text) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

/**
 * Creates an HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag its name
 * @param {Attributes} [attributes] by name
 * @param {ParentNode | null} [parent] where the element is appended, if anywhere
 * @param {string | null} [text] content of the element
 * @returns {HTMLElementTagNameMap[K]} the element
 */
export function make(tag, attributes = {}, parent = null, text = null) {
  return finish(document.createElement(tag), attributes, parent, text);
}

/**
 * Creates an SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag its name
 * @param {Attributes} [attributes] by name
 * @param {ParentNode | null} [parent] where the element is appended, if anywhere
 * @param {string | null} [text] content of the element
 * @returns {SVGElementTagNameMap[K]} the element
 */
export function makeSvg(tag, attributes = {}, parent = null, text = null) {
  return finish(document.createElementNS(SVG, tag), attributes, parent, text);
}

/**
 * Gives the 2-D drawing context of a canvas.
 * @param {HTMLCanvasElement} canvas the canvas
 * @param {CanvasRenderingContext2DSettings} [settings] of the context
 * @returns {CanvasRenderingContext2D} the context
 */
export function context2d(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("This browser does not give a 2-D drawing context.");
  return context;
}

/**
 * Finds an element that must be there.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {ParentNode} parent below which it is
 * @param {K} selector a tag name, optionally followed by attribute conditions in `conditions`
 * @param {string} [conditions] a CSS selector appended to the tag name
 * @returns {HTMLElementTagNameMap[K]} the element
 */
export function find(parent, selector, conditions = "") {
  /** @type {HTMLElementTagNameMap[K] | null} */
  const node = parent.querySelector(selector + conditions);
  if (!node) throw new Error(`The page has no ${selector}${conditions}.`);
  return node;
}

/**
 * Makes an address on this server from a path, wherever the app is mounted.
 * @param {string} path relative to the page
 * @returns {URL} the address
 */
export function pageUrl(path) {
  return new URL(path, document.baseURI);
}

/**
 * Tells the position of a pointer in an element, inside its border.
 * @param {Element} element the element
 * @param {MouseEvent} event of the pointer
 * @returns {[number, number]} x and y in CSS pixels from the upper left corner
 */
export function pointerPosition(element, event) {
  const box = element.getBoundingClientRect();
  const zoom = zoomOf(element);
  return [
    (event.clientX - box.left) / zoom - element.clientLeft,
    (event.clientY - box.top) / zoom - element.clientTop,
  ];
}

/**
 * Tells how much larger an element is drawn than its own pixels: in a presentation by the CSS
 * property `zoom`.
 * @param {Element} element the element
 * @returns {number} 1 usually
 */
export function zoomOf(element) {
  return /** @type {Element & { currentCSSZoom?: number }} */ (element).currentCSSZoom ?? 1;
}
