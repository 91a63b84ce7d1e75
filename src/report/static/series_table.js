// The table of all series on the report's page: filtered, sorted, folded into groups; only the rows in view are made.
(() => {
  const $ = (id) => document.getElementById(id);
  const { names, tiers, venues, intervals, firstMonth, months, series } = JSON.parse(
    $('series-data').textContent,
  );
  const ROW_HEIGHT = 30;
  /** Groups of more series than this are shut at first. */
  const OPEN_AT_FIRST = 100;
  const STRIP = Math.min(210, Math.max(100, months * 12));
  const number = new Intl.NumberFormat('en');
  const count = (value) => number.format(value);
  const day = (value) => (value === null ? '' : new Date(value * 86_400_000).toISOString().slice(0, 10));
  const percent = (share) => {
    if (share === 1) return '100%';
    const cut = Math.floor(share * 10_000) / 100;
    return share > 0 && cut === 0 ? '<0.01%' : `${cut}%`;
  };
  const shadeOf = (share) =>
    share >= 1 ? 5 : share >= 0.99 ? 4 : share >= 0.9 ? 3 : share >= 0.5 ? 2 : share > 0 ? 1 : 0;

  const rows = series.map((one) => {
    const row = Object.fromEntries(names.map((name, k) => [name, one[k]]));
    row.tier = tiers[row.tier];
    row.venue = venues[row.venue];
    const { seconds, text } = intervals[row.interval];
    row.intervalS = seconds;
    row.interval = text;
    row.share = row.expected === 0 ? 1 : row.covered / row.expected;
    row.missing = row.expected - row.covered;
    row.gaps = row.gapsApi + row.gapsFile;
    row.text = [row.tier, row.venue, row.symbol, row.interval].join(' ').toLowerCase();
    return row;
  });

  /** Columns: what is shown, and what they are sorted by. Numbers begin with the largest. */
  const byText = (of) => (a, b) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0);
  const byNumber = (of) => (a, b) => of(a) - of(b);
  const columns = [
    { name: 'series', sort: byText((row) => `${row.symbol} ${row.venue}`), cell: seriesCell },
    { name: 'interval', sort: byNumber((row) => row.intervalS), cell: (row) => text(row.interval) },
    { name: 'covered', sort: byNumber((row) => row.share), cell: shareCell, isNumber: true },
    {
      name: 'missing',
      sort: byNumber((row) => row.missing),
      cell: (row) => text(row.missing ? count(row.missing) : ''),
      isNumber: true,
      isDown: true,
    },
    { name: 'gaps', sort: byNumber((row) => row.gaps), cell: gapsCell, isDown: true },
    { name: 'suspicious', sort: byNumber((row) => row.suspicious), cell: suspiciousCell, isDown: true },
    { name: 'derived', sort: byNumber((row) => row.derived.length), cell: derivedCell, isDown: true },
    { name: 'from', sort: byNumber((row) => row.from ?? 0), cell: (row) => text(day(row.from)) },
    { name: 'to', sort: byNumber((row) => row.to ?? 0), cell: (row) => text(day(row.to)) },
    { name: 'by month', cell: strip },
  ];

  function text(content, className) {
    const made = document.createElement('td');
    made.textContent = content;
    if (className) made.className = className;
    return made;
  }

  function seriesCell(row) {
    const made = document.createElement('th');
    made.scope = 'row';
    const venue = document.createElement('small');
    venue.textContent = row.venue;
    made.append(`${row.symbol} `, venue);
    made.title = [row.symbol, row.venue, row.tier].filter(Boolean).join(', ');
    return made;
  }

  function shareCell(row) {
    const made = text('');
    const chip = document.createElement('span');
    chip.className = 'chip';
    if (row.expected > 0) chip.dataset.shade = shadeOf(row.share);
    chip.textContent = row.expected === 0 ? '–' : percent(row.share);
    made.title = `${count(row.covered)} of ${count(row.expected)} expected bars covered, ${count(row.bars)} there`;
    made.append(chip);
    return made;
  }

  function gapsCell(row) {
    const parts = [];
    if (row.gapsApi > 0) parts.push(`${count(row.gapsApi)} by api`);
    if (row.gapsFile > 0) parts.push(`${count(row.gapsFile)} by file`);
    return text(parts.join(' · '));
  }

  function suspiciousCell(row) {
    const made = text(row.suspicious === 0 ? '' : count(row.suspicious));
    if (row.suspicious > 0) made.title = `${count(row.suspiciousBars)} bars in all`;
    return made;
  }

  function derivedCell(row) {
    const from = [...new Set(row.derived.map(([, , of]) => of))];
    const made = text(from.length === 0 ? '' : `of ${from.join(', ')}`);
    const more = row.derivedAll - row.derived.length;
    made.title = row.derived
      .map(([start, end, of]) => `${start} to ${end} of ${of}`)
      .concat(more > 0 ? [`and ${count(more)} more`] : [])
      .join('\n');
    return made;
  }

  const monthName = (k) => new Date(Date.UTC(0, firstMonth + k, 1));
  const monthText = (k) => {
    const date = monthName(k);
    date.setUTCFullYear(Math.floor((firstMonth + k) / 12));
    return date.toLocaleDateString('en', { month: 'short', year: 'numeric', timeZone: 'UTC' });
  };
  const SVG = 'http://www.w3.org/2000/svg';

  /** Runs of months that are alike: where they begin, then share in thousandths (-1: nothing expected) and length. */
  function strip(row) {
    const made = text('', 'strip');
    const [first, ...runs] = row.months;
    const picture = document.createElementNS(SVG, 'svg');
    picture.setAttribute('width', STRIP);
    picture.setAttribute('height', 16);
    picture.setAttribute('role', 'img');
    picture.setAttribute('aria-label', `${row.symbol} ${row.interval} by month`);
    const wide = STRIP / months;
    let at = first ?? 0;
    for (let k = 0; k < runs.length; k += 2) {
      const [share, length] = [runs[k], runs[k + 1]];
      const box = document.createElementNS(SVG, 'rect');
      box.setAttribute('x', at * wide);
      box.setAttribute('width', Math.max(length * wide - (wide > 4 ? 0.5 : 0), 0.5));
      box.setAttribute('height', 16);
      box.setAttribute('class', share < 0 ? 'out' : `s${shadeOf(share / 1000)}`);
      const words = document.createElementNS(SVG, 'title');
      const when =
        length === 1 ? monthText(at) : `${monthText(at)} to ${monthText(at + length - 1)}, each month`;
      words.textContent = `${when}: ${share < 0 ? 'nothing expected' : `${share / 10}% covered`}`;
      box.append(words);
      picture.append(box);
      at += length;
    }
    made.append(picture);
    return made;
  }

  // ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────

  const view = { words: [], group: '', incomplete: false, column: null, isDown: false };
  /** Groups that were opened or shut by hand, by kind of group and name. */
  const opened = new Map();
  /** Lines of the table: a group's head, or a series. */
  let lines = [];
  let found = 0;

  const groupOf = {
    tier: (row) => row.tier || 'no tier',
    venue: (row) => row.venue,
    interval: (row) => row.interval,
    symbol: (row) => `${row.symbol} ${row.venue}`,
  };

  /** The view stands in the address, so that it can be kept and sent: #filter=kraken+1h&group=venue&sort=-missing. */
  function readAddress() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const sort = asked.get('sort') ?? '';
    const name = sort.replace(/^-/, '');
    filter.value = asked.get('filter') ?? '';
    view.words = wordsOf(filter.value);
    view.incomplete = asked.has('incomplete');
    $('series-incomplete').checked = view.incomplete;
    view.column = columns.some((column) => column.sort && column.name === name) ? name : null;
    view.isDown = sort.startsWith('-');
    const hasTiers = tiers.some(Boolean);
    const chosen = rows.length <= OPEN_AT_FIRST ? '' : hasTiers ? 'tier' : venues.length > 1 ? 'venue' : '';
    const group = asked.get('group') ?? chosen;
    view.group = group in groupOf ? group : '';
    grouped.value = view.group;
    showSorting();
  }

  function writeAddress() {
    const said = new URLSearchParams();
    if (view.words.length > 0) said.set('filter', view.words.join(' '));
    said.set('group', view.group);
    if (view.column !== null) said.set('sort', `${view.isDown ? '-' : ''}${view.column}`);
    if (view.incomplete) said.set('incomplete', '1');
    history.replaceState(null, '', `#${said}`);
  }

  const wordsOf = (asked) => asked.toLowerCase().split(/\s+/).filter(Boolean);

  function showSorting() {
    for (const [k, head] of heads.entries()) {
      if (columns[k].name !== view.column) head.removeAttribute('aria-sort');
      else head.setAttribute('aria-sort', view.isDown ? 'descending' : 'ascending');
    }
  }

  /** After the view has been changed: from its top. */
  function change() {
    writeAddress();
    area.scrollTop = 0;
    arrange();
  }

  function arrange() {
    let some = rows.filter(
      (row) =>
        view.words.every((word) => row.text.includes(word)) &&
        (!view.incomplete || row.missing > 0 || row.suspicious > 0),
    );
    found = some.length;
    const { sort } = columns.find(({ name }) => name === view.column) ?? {};
    if (sort) some = some.toSorted(view.isDown ? (a, b) => sort(b, a) : sort);
    const of = groupOf[view.group];
    if (of === undefined) {
      lines = some;
    } else {
      lines = [];
      for (const [name, members] of Map.groupBy(some, of)) {
        const key = `${view.group} ${name}`;
        const isOpen = opened.get(key) ?? (members.length <= OPEN_AT_FIRST && found <= 4 * OPEN_AT_FIRST);
        const sum = (value) => members.reduce((total, row) => total + value(row), 0);
        const expected = sum((row) => row.expected);
        const covered = sum((row) => row.covered);
        const share = expected === 0 ? 1 : covered / expected;
        const gaps = sum((row) => row.gaps);
        const suspicious = sum((row) => row.suspicious);
        lines.push({
          key,
          name,
          size: members.length,
          isOpen,
          share,
          missing: expected - covered,
          gaps,
          suspicious,
        });
        if (isOpen) lines.push(...members);
      }
    }
    const all = found === rows.length ? '' : ` of ${count(rows.length)}`;
    $('series-found').textContent = `${count(found)}${all} series`;
    $('series-table').setAttribute('aria-rowcount', lines.length + 1);
    drawn = '';
    draw();
  }

  const area = $('series-area');
  const body = $('series-body');
  let drawn = '';

  function space(height) {
    const row = document.createElement('tr');
    row.className = 'space';
    row.style.height = `${height}px`;
    row.setAttribute('aria-hidden', 'true');
    return row;
  }

  function groupRow(line, at) {
    const row = document.createElement('tr');
    row.className = 'group';
    row.setAttribute('aria-rowindex', at + 2);
    const cell = document.createElement('th');
    cell.colSpan = 2;
    cell.scope = 'rowgroup';
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('aria-expanded', String(line.isOpen));
    button.textContent = `${line.isOpen ? '▾' : '▸'} ${line.name}`;
    button.dataset.key = line.key;
    const size = document.createElement('small');
    size.textContent = ` ${count(line.size)} series`;
    button.append(size);
    button.addEventListener('click', () => {
      opened.set(line.key, !line.isOpen);
      arrange();
      for (const one of body.querySelectorAll('button')) if (one.dataset.key === line.key) one.focus();
    });
    cell.append(button);
    const share = shareCell({ ...line, expected: 1, covered: 0, bars: 0 });
    share.removeAttribute('title');
    share.className = 'number';
    const rest = text(line.suspicious ? count(line.suspicious) : '');
    rest.colSpan = columns.length - 5;
    row.append(cell, share, text(line.missing ? count(line.missing) : '', 'number'));
    row.append(text(line.gaps ? count(line.gaps) : ''), rest);
    return row;
  }

  function seriesRow(line, at) {
    const row = document.createElement('tr');
    row.setAttribute('aria-rowindex', at + 2);
    for (const { cell, isNumber } of columns) {
      const made = cell(line);
      if (isNumber) made.classList.add('number');
      row.append(made);
    }
    return row;
  }

  function draw() {
    const seen = Math.ceil(area.clientHeight / ROW_HEIGHT);
    const first = Math.max(0, Math.floor(area.scrollTop / ROW_HEIGHT) - 10);
    const last = Math.min(lines.length, first + seen + 20);
    if (drawn === `${first} ${last}`) return;
    drawn = `${first} ${last}`;
    // The row that has the focus goes when it is scrolled out of the window; then the table itself keeps it.
    const hadFocus = body.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    body.replaceChildren(
      space(first * ROW_HEIGHT),
      ...lines
        .slice(first, last)
        .map((line, k) => (line.key === undefined ? seriesRow(line, first + k) : groupRow(line, first + k))),
      space((lines.length - last) * ROW_HEIGHT),
    );
    if (hadFocus === undefined) return;
    const again = [...body.querySelectorAll('button')].find((one) => one.dataset.key === hadFocus);
    (again ?? area).focus({ preventScroll: true });
  }

  const heads = columns.map((column) => {
    const made = document.createElement('th');
    made.scope = 'col';
    if (column.isNumber) made.className = 'number';
    if (column.sort === undefined) {
      made.textContent = column.name;
      made.append(years());
      return made;
    }
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = column.name;
    button.addEventListener('click', () => {
      view.isDown = view.column === column.name ? !view.isDown : (column.isDown ?? false);
      view.column = column.name;
      showSorting();
      change();
    });
    made.append(button);
    return made;
  });

  /** The first and the last year of the strips. */
  function years() {
    const made = document.createElement('small');
    const [first, last] = [monthText(0), monthText(months - 1)];
    made.textContent = first === last ? ` ${first}` : ` ${first} … ${last}`;
    return made;
  }

  const filter = $('series-filter');
  filter.addEventListener('input', () => {
    view.words = wordsOf(filter.value);
    change();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement?.tagName !== 'INPUT') {
      event.preventDefault();
      filter.focus();
    }
    if (event.key === 'Escape' && document.activeElement === filter) {
      filter.value = '';
      filter.dispatchEvent(new Event('input'));
    }
  });
  const grouped = $('series-group');
  grouped.addEventListener('change', () => {
    view.group = grouped.value;
    change();
  });
  $('series-incomplete').addEventListener('change', (event) => {
    view.incomplete = event.target.checked;
    change();
  });
  area.addEventListener('scroll', draw, { passive: true });
  window.addEventListener('resize', draw);
  window.addEventListener('hashchange', () => {
    readAddress();
    arrange();
  });
  $('series-head').append(...heads);
  $('series').hidden = false;
  readAddress();
  arrange();
})();
