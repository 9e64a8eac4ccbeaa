"""The report's style and script. Neither loads anything: the page must work from a file."""

__all__ = ['SCRIPT', 'STYLE']

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1b1f24; --soft: #5b6470; --line: #d9dee5;
  --accent: #0b62d6; --true: #00c800; --predicted: #ff00ff; --map: 0.5;
  --m0: #c2410c; --m1: #1d4ed8; --m2: #15803d; --m3: #7e22ce; --m4: #a16207; --m5: #0e7490;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317; --card: #191e24; --text: #e7ebf0; --soft: #9aa5b1; --line: #333c46;
    --accent: #74b0ff;
    --m0: #fb923c; --m1: #60a5fa; --m2: #4ade80; --m3: #c084fc; --m4: #facc15; --m5: #22d3ee;
  }
}
.m0 { --own: var(--m0); } .m1 { --own: var(--m1); } .m2 { --own: var(--m2); }
.m3 { --own: var(--m3); } .m4 { --own: var(--m4); } .m5 { --own: var(--m5); }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0 auto; padding: 20px 16px 60px; max-width: 1240px; background: var(--page);
  color: var(--text); font: 15px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif;
}
h1 { font-size: 26px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 34px 0 10px; }
h3 { font-size: 14px; margin: 0 0 6px; font-weight: 600; }
p { margin: 4px 0; }
.soft { color: var(--soft); font-size: 13px; }
.break { overflow-wrap: anywhere; }
.box {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px;
  min-width: 0;
}
.top {
  display: grid; gap: 14px; align-items: start;
  grid-template-columns: minmax(0, 3fr) minmax(0, 2fr);
}
.runs { list-style: none; margin: 0; padding: 0; }
.runs li + li { margin-top: 10px; }
.name { font-weight: 600; }
.name::before {
  content: ''; display: inline-block; width: 11px; height: 11px; border-radius: 3px;
  margin-right: 7px; background: var(--own);
}
.scroll { overflow: auto; }
.classes { max-height: 560px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 9px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tbody th { font-weight: 400; }
tbody tr { border-top: 1px solid var(--line); }
thead th { font-weight: 600; font-size: 13px; background: var(--card); vertical-align: bottom; }
td.best { font-weight: 700; }
.classes thead { position: sticky; top: 0; z-index: 1; }
.classes td:first-child, .classes th:first-child {
  position: sticky; left: 0; background: var(--card);
}
.classes .group { text-align: center; }
button {
  font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
}
button:focus-visible, input:focus-visible, select:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px;
}
th button { font-weight: 600; }
th button::after { content: ' \\2195'; color: var(--soft); }
th[aria-sort='ascending'] button::after { content: ' \\2191'; color: var(--accent); }
th[aria-sort='descending'] button::after { content: ' \\2193'; color: var(--accent); }
td button { color: var(--accent); text-align: left; }
.charts { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
.chart { width: 100%; height: auto; display: block; }
.chart text { font-size: 11px; fill: var(--soft); }
.chart .end { text-anchor: end; } .chart .mid { text-anchor: middle; }
.grid { stroke: var(--line); stroke-width: 1; fill: none; }
.line { fill: none; stroke: var(--own); stroke-width: 2; stroke-linejoin: round; }
.dashed { stroke-dasharray: 5 4; }
.mark { fill: var(--card); stroke: var(--own); stroke-width: 2; }
.bar { fill: var(--own); }
.legend { list-style: none; margin: 6px 0 0; padding: 0; font-size: 13px; }
.tools {
  position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: 8px 16px;
  align-items: center; background: var(--page); padding: 10px 0; margin-top: 26px;
  border-bottom: 1px solid var(--line);
}
.tools label { display: flex; gap: 7px; align-items: center; font-size: 14px; }
.tools input[type='search'], .tools select {
  font: inherit; padding: 4px 8px; border: 1px solid var(--line); border-radius: 7px;
  background: var(--card); color: var(--text); min-width: 0;
}
.tools input[type='range'] { width: 110px; }
.gallery {
  display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 500px), 1fr));
}
.panels { display: grid; gap: 6px; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); }
figure { margin: 0; }
figure svg { width: 100%; height: auto; display: block; border-radius: 4px; background: #000; }
figcaption { font-size: 12px; line-height: 1.35; margin-top: 4px; overflow-wrap: anywhere; }
.heat { opacity: var(--map); }
.rim, .true, .predicted { fill: none; vector-effect: non-scaling-stroke; }
.rim { stroke: #000; stroke-width: 4; }
.true { stroke: var(--true); stroke-width: 2; }
.predicted { stroke: var(--predicted); stroke-width: 2; }
.key::before {
  content: ''; display: inline-block; width: 12px; height: 12px; margin-right: 5px;
  vertical-align: -1px; border: 2px solid var(--own);
}
.card header { margin-bottom: 8px; overflow-wrap: anywhere; }
.wide { grid-column: 1 / -1; }
@media (max-width: 760px) {
  body { padding: 14px 10px 40px; }
  .top { grid-template-columns: minmax(0, 1fr); }
  .box { padding: 10px; }
  th, td { padding: 4px 6px; }
}
"""

SCRIPT = """
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const find = (id) => document.getElementById(id);
const rows = Array.from(document.querySelectorAll('#classes tbody tr'));
const cards = Array.from(document.querySelectorAll('.card'));
const gallery = find('gallery');
const [filter, kind, heat] = [find('filter'), find('kind'), find('heat')];

// A text that is a class's whole name means that class, any other one all that contain it.
function matching(text) {
  const wanted = text.trim().toLowerCase();
  const names = data.classes.map((name) => name.toLowerCase());
  const fits = names.includes(wanted)
    ? (name) => name === wanted : (name) => name.includes(wanted);
  return new Set(names.flatMap((name, i) => fits(name) ? [i] : []));
}

function drawHistogram(classes) {
  const chart = document.querySelector('#histogram svg');
  const sums = data.histograms.map((method) => {
    const bins = new Array(data.bins).fill(0);
    for (const c of classes) (method[c] || []).forEach((count, b) => { bins[b] += count; });
    const all = bins.reduce((a, b) => a + b, 0) || 1;
    return bins.map((count) => count / all);
  });
  const most = Math.max(...sums.flat()) || 1;
  const [top, bottom] = [Number(chart.dataset.top), Number(chart.dataset.bottom)];
  for (const bar of chart.querySelectorAll('.bar')) {
    const height = sums[bar.dataset.m][bar.dataset.b] / most * (bottom - top);
    bar.setAttribute('y', (bottom - height).toFixed(2));
    bar.setAttribute('height', height.toFixed(2));
  }
  chart.querySelectorAll('.share').forEach((text, i) => {
    text.textContent = (100 * most * i / 2).toFixed(most >= 0.1 ? 0 : 1);
  });
}

function apply() {
  const classes = matching(filter.value);
  for (const row of rows) row.hidden = !classes.has(Number(row.dataset.class));
  let drawn = 0;
  for (const card of cards) {
    const fits = kind.value === 'all' || card.dataset.kinds.split(' ').includes(kind.value);
    card.hidden = !fits || !classes.has(Number(card.dataset.class));
    drawn += card.hidden ? 0 : 1;
  }
  // Every kind has its order: by IoU, or by the difference of two, best or worst first.
  const [key, sign] = kind.selectedOptions[0].dataset.order.split(' ');
  cards.sort((a, b) => Number(sign) * (Number(a.dataset[key]) - Number(b.dataset[key])));
  gallery.append(...cards);
  drawHistogram(classes);
  const pictures = Array.from(classes).reduce((sum, c) => sum + data.pictures[c], 0);
  find('count').textContent = `${pictures} of ${data.total} pictures, ${drawn} of them drawn here`;
  find('none').hidden = drawn > 0;
  const state = new URLSearchParams();
  if (filter.value) state.set('class', filter.value);
  if (kind.value !== 'all') state.set('show', kind.value);
  const hash = state.toString();
  if (hash !== location.hash.slice(1)) {
    history.replaceState(null, '', `#${hash}`);
  }
}

function read() {
  const state = new URLSearchParams(location.hash.slice(1));
  filter.value = state.get('class') || '';
  const shown = state.get('show') || 'all';
  kind.value = Array.from(kind.options).some((o) => o.value === shown) ? shown : 'all';
  apply();
}

function sortBy(header) {
  const descending = header.getAttribute('aria-sort') !== 'descending';
  const [index, body] = [Number(header.dataset.column), document.querySelector('#classes tbody')];
  const value = (row) => row.cells[index].dataset.v;
  rows.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    // Names by letters, figures by size; what there is no figure of comes last.
    if (index === 0) return descending ? y.localeCompare(x) : x.localeCompare(y);
    if (x === '' || y === '') return (x === '') - (y === '');
    return descending ? y - x : x - y;
  });
  body.append(...rows);
  for (const other of document.querySelectorAll('#classes th')) other.removeAttribute('aria-sort');
  header.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
}

for (const header of document.querySelectorAll('#classes th[data-column]')) {
  header.querySelector('button').addEventListener('click', () => sortBy(header));
}
for (const row of rows) {
  row.querySelector('button').addEventListener('click', () => {
    filter.value = data.classes[row.dataset.class];
    apply();
    // The bar, which stays above, has more lines in a narrow window.
    gallery.style.scrollMarginTop = `${find('tools').offsetHeight + 8}px`;
    gallery.scrollIntoView({block: 'nearest'});
  });
}
filter.addEventListener('input', apply);
kind.addEventListener('change', apply);
heat.addEventListener('input', () => {
  document.documentElement.style.setProperty('--map', heat.value);
});
window.addEventListener('hashchange', read);
for (const part of document.querySelectorAll('.script')) part.hidden = false;
read();
"""
