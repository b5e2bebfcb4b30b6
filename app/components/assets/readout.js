// The line under a map: what lies under the pointer, in words and numbers.
class Readout {
  constructor(root) {
    this.line = root.querySelector(".readout");
  }

  clear() {
    this.line.replaceChildren();
  }

  say(text, kind = "") {
    const part = document.createElement("span");
    part.textContent = text;
    part.className = kind;
    this.line.append(part);
  }

  // One value of a map: in its own measure, with `multiple` also as a multiple of uniform, and its rank.
  // `whole` says how many elements a map has of which `values` are one frame.
  value(values, at, { measure, multiple, whole }) {
    this.say(`${short(values[at])} ${measure}`, "value");
    if (multiple) this.say(`${short(values[at] * (whole?.elements ?? values.length))} × uniform`);
    this.say(`rank ${this.rank(values, at)} of ${values.length}${whole ? " here" : ""}`);
  }

  // 1 for the largest value; equal values share the best rank.
  rank(values, at) {
    if (values !== this.values) this.order = Float32Array.from(values).sort();
    this.values = values;
    let low = 0;
    let high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.order[middle] <= values[at]) low = middle + 1;
      else high = middle;
    }
    return values.length - low + 1;
  }
}

// Three significant digits, written as the rest of the page writes them: 0.0213, 4,100, 2.44×10⁻⁴.
function short(value) {
  const rounded = Number(Math.abs(value).toPrecision(3));
  const sign = value < 0 && rounded ? "−" : "";
  if (rounded === 0) return "0";
  if (rounded >= 1e-3 && rounded < 1e6) return sign + rounded.toLocaleString("en", { maximumFractionDigits: 6 });
  const [digits, exponent] = rounded.toExponential(2).split("e");
  const raised = [...exponent.replace("+", "")].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));
  return `${sign}${Number(digits)}×10${raised.join("")}`;
}
