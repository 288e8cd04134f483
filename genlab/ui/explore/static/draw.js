// A small canvas to draw on; the picture is sent when the pen is lifted.
const UNDO = 20;
const known = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const canvas = parentElement.querySelector("canvas");
  const colour = parentElement.querySelector("input[type=color]");
  const size = parentElement.querySelector("input[type=range]");
  const [undo, clear] = parentElement.querySelectorAll("button");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  let mine = known.get(parentElement);
  const blank = () => {
    pen.fillStyle = data.ground;
    pen.fillRect(0, 0, canvas.width, canvas.height);
  };
  if (!mine || mine.side !== data.side) {
    mine = { side: data.side, before: [], down: false, at: null, x: 0.5, y: 0.5 };
    known.set(parentElement, mine);
    canvas.width = canvas.height = data.side;
    colour.value = data.ink;
    colour.parentElement.hidden = !data.colours;
    blank();
    // Mounted anew, it shows what was sent: what the model sees is never a drawing that is gone.
    if (data.drawing) {
      const kept = new Image();
      kept.onload = () => pen.drawImage(kept, 0, 0, canvas.width, canvas.height);
      kept.src = data.drawing;
    }
  }
  const send = () => setStateValue("drawing", canvas.toDataURL("image/png"));
  const keep = () => {
    mine.before.push(pen.getImageData(0, 0, canvas.width, canvas.height));
    if (mine.before.length > UNDO) mine.before.shift();
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * canvas.width,
      ((event.clientY - box.top) / box.height) * canvas.height,
    ];
  };
  const line = ([x, y]) => {
    const [from, to] = mine.at || [x, y];
    pen.strokeStyle = colour.value;
    pen.lineWidth = (Number(size.value) * canvas.width) / data.pixels;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(from, to);
    // A dot is a line to itself, which some browsers do not draw.
    pen.lineTo(x + (mine.at ? 0 : 0.01), y);
    pen.stroke();
    mine.at = [x, y];
  };
  const lift = () => {
    if (!mine.down) return;
    mine.down = false;
    mine.at = null;
    canvas.classList.remove("down");
    send();
  };
  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus();
    canvas.setPointerCapture(event.pointerId);
    keep();
    mine.down = true;
    mine.at = null;
    line(place(event));
  };
  canvas.onpointermove = (event) => {
    if (!mine.down) return;
    for (const one of event.getCoalescedEvents?.() || [event]) line(place(one));
    line(place(event));
  };
  canvas.onpointerup = canvas.onpointercancel = lift;
  canvas.onblur = lift;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.onkeydown = (event) => {
    if (event.key === " ") {
      event.preventDefault();
      if (mine.down) { lift(); return; }
      keep();
      mine.down = true;
      canvas.classList.add("down");
      line([mine.x * canvas.width, mine.y * canvas.height]);
    } else if (moves[event.key]) {
      event.preventDefault();
      const [dx, dy] = moves[event.key];
      mine.x = Math.min(1, Math.max(0, mine.x + dx / data.pixels));
      mine.y = Math.min(1, Math.max(0, mine.y + dy / data.pixels));
      canvas.style.setProperty("--x", `${100 * mine.x}%`);
      canvas.style.setProperty("--y", `${100 * mine.y}%`);
      if (mine.down) line([mine.x * canvas.width, mine.y * canvas.height]);
    }
  };
  undo.onclick = () => {
    const last = mine.before.pop();
    if (!last) return;
    pen.putImageData(last, 0, 0);
    if (mine.before.length) send(); else setStateValue("drawing", null);
  };
  clear.onclick = () => {
    keep();
    blank();
    setStateValue("drawing", null);
  };
}
