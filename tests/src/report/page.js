
const table = document.querySelector('table'), form = document.querySelector('form');
const groups = [...table.tBodies];
const search = form.querySelector('[type=search]'), area = form.querySelector('select');
const marks = [...form.querySelectorAll('input[value]')].filter(box => box.value.length === 1);


// What each group is filtered by, read once: the words in it, and the marks of its item's cells.
for (const group of groups) {
  const cells = [...group.rows[0].cells].filter(cell => cell.className.length === 1);
  group.marks = new Set(cells.map(cell => cell.className));
  const titles = [...group.querySelectorAll('[title]')].map(cell => cell.title);
  group.words = (group.dataset.area + ' ' + group.textContent + ' ' + titles.join(' ')).toLowerCase();
}

function show() {
  const words = search.value.toLowerCase().split(/\s+/);
  const wanted = new Set(marks.filter(box => box.checked).map(box => box.value));
  const differ = document.getElementById('differ').checked;
  let shown = 0;
  for (const group of groups) {
    group.hidden = !(words.every(word => group.words.includes(word))
      && (!area.value || group.dataset.area === area.value)
      && (!group.marks.size || [...group.marks].some(mark => wanted.has(mark)))
      && (!differ || group.marks.size > 1));
    shown += !group.hidden;
  }
  form.querySelector('output').textContent = `${shown} of ${groups.length} items`;
}

// Marks from the best to the worst, versions by their numbers, everything else by name.
function key(group, column) {
  const cell = group.rows[0].cells[column];
  switch (table.tHead.rows[0].cells[column].dataset.key) {
    case 'name': return [cell.textContent ? 0 : 1, cell.textContent];
    case 'version': {
      const [major, minor] = cell.textContent.match(/\d+/g)?.map(Number) ?? [/[a-z]/.test(cell.textContent) ? 0 : 1000];
      return [major * 1000 + (minor || 0), ''];
    }
    default: return [['p', 'h', 'u', 's', 'f', ''].indexOf(cell.className), ''];
  }
}

function order(column, down) {
  const sorted = groups.map((group, place) => [key(group, column), place, group]);
  sorted.sort(([a, i], [b, j]) => {
    const by = a[0] - b[0] || a[1].localeCompare(b[1]);
    return (down ? -by : by) || i - j;
  });
  table.append(...sorted.map(([, , group]) => group));
}

form.addEventListener('input', show);
form.addEventListener('submit', event => event.preventDefault());
document.getElementById('open').addEventListener('change', event => {
  for (const group of groups) group.classList.toggle('open', event.target.checked);
});
table.tHead.addEventListener('click', event => {
  const head = event.target.closest('button')?.parentElement;
  if (!head) return;
  const down = head.getAttribute('aria-sort') === 'ascending';
  for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  order(head.cellIndex, down);
});
table.addEventListener('click', event => {
  if (event.target.closest('tbody th button')) event.target.closest('tbody').classList.toggle('open');
});
if (table.classList.contains('alone')) document.getElementById('open').click();
show();
