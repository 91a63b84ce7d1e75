// The page of `backhaul ui`: asks the server once a second, draws what it says. No state of its own but the view.

const token = new URLSearchParams(location.search).get('token') ?? '';
const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en');
const count = (value) => (value === null || value === undefined ? '' : number.format(Math.round(value)));

async function ask(path) {
  const response = await fetch(path, { headers: { 'x-backhaul-token': token } });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function bytes(value) {
  if (value === null || value === undefined) return '';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  let left = value;
  for (; left >= 1000 && at < units.length - 1; at++) left /= 1000;
  return `${left.toFixed(left < 10 && at > 0 ? 1 : 0)} ${units[at]}`;
}

function seconds(value) {
  if (value < 90) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(value / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const fileName = ({ uri, entry }) => (entry === null ? uri : `${uri} › ${entry}`);

function table(target, titles, rows, numbers = []) {
  const head = element('tr');
  for (const [k, title] of titles.entries())
    head.append(element('th', title, numbers.includes(k) ? 'number' : ''));
  const made = rows.map((cells) => {
    const row = element('tr');
    cells.forEach((cell, k) => {
      if (cell instanceof Node) row.append(cell);
      else row.append(element('td', String(cell ?? ''), numbers.includes(k) ? 'number' : ''));
    });
    return row;
  });
  target.replaceChildren(head, ...made);
}

function list(target, lines) {
  target.replaceChildren(...(lines.length === 0 ? ['—'] : lines).map((line) => element('li', line)));
}

// ── live ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const charts = {};
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Draws series against seconds; `lines`: `{label, colour, scale?}` in the order of `data`. */
function draw(id, data, lines, axes) {
  const target = $(id);
  const size = { width: Math.max(200, target.clientWidth), height: 200 };
  if (charts[id] === undefined) {
    const axis = {
      stroke: style('--soft'),
      grid: { stroke: style('--line') },
      ticks: { stroke: style('--line') },
    };
    charts[id] = new uPlot(
      {
        ...size,
        scales: { x: { time: false } },
        series: [
          { label: 'second' },
          ...lines.map(({ label, colour, scale }) => ({
            label,
            stroke: style(colour),
            width: 2,
            scale: scale ?? 'y',
          })),
        ],
        axes: [
          axis,
          ...axes.map((one) => ({ ...axis, ...one, size: 70, values: (_, all) => all.map((v) => count(v)) })),
        ],
      },
      data,
      target,
    );
  } else {
    charts[id].setSize(size);
    charts[id].setData(data);
  }
}

/** CPU as it was seen by this page. */
const seenCpu = [[], [], [], []];

async function showLive() {
  const { run, status } = await ask('/api/live');
  if (run === null) {
    $('run').textContent = 'Nothing has been loaded yet.';
    return;
  }
  const said = run.live;
  const audit = run.audit ?? said?.audit ?? {};
  const progress = said?.progress ?? null;
  const started = new Date(run.startedAt);
  const took = ((run.finishedAt ? new Date(run.finishedAt) : new Date()) - started) / 1000;
  const sources = Array.isArray(run.sources) ? run.sources.join(' ') : '';
  $('run').textContent = `Run ${run.runId}: ${run.command} ${sources}, ${run.state}, ${seconds(took)}`;
  const samples = audit.samples ?? [];
  const rows = progress?.rowsRead ?? audit.rows?.read ?? 0;
  const facts = [
    ['records read', count(rows)],
    ['records a second', count(took > 0 ? rows / took : 0)],
    [
      'files',
      progress ? `${count(progress.tasksDone)} of ${count(progress.tasksTotal)}` : count(audit.tasks?.loaded),
    ],
    ['read from sources', bytes(progress?.bytesDone ?? audit.bytes)],
    ['workers', count(progress?.workers ?? audit.peakWorkers)],
    ['rejects', count(progress?.rowsRejected ?? audit.rows?.rejected)],
    ['failed files', count(status.states.failed.tasks)],
    ['waiting', count(status.states.pending.tasks)],
  ];
  $('numbers').replaceChildren(
    ...facts.map(([name, value]) => {
      const box = element('div');
      box.append(element('dt', name), element('dd', value || '0'));
      return box;
    }),
  );
  const points = samples.slice(1).map((sample, k) => {
    const span = sample.atSeconds - samples[k].atSeconds;
    return [
      sample.atSeconds,
      span > 0 ? (sample.rowsRead - samples[k].rowsRead) / span : 0,
      samples[k].workers,
    ];
  });
  if (points.length > 0)
    draw(
      'throughput',
      [0, 1, 2].map((k) => points.map((one) => one[k])),
      [
        { label: 'records/s', colour: '--blue' },
        { label: 'workers', colour: '--red', scale: 'workers' },
      ],
      [{}, { scale: 'workers', side: 1 }],
    );
  $('cpu-title').hidden = seenCpu[0].length === 0 && !(said?.cpu && run.state === 'running');
  $('cpu').hidden = $('cpu-title').hidden;
  if (said?.cpu && run.state === 'running') {
    [took, said.cpu.busy, said.cpu.own, said.cpu.server].forEach((value, k) => {
      seenCpu[k].push(value);
      if (seenCpu[k].length > 600) seenCpu[k].shift();
    });
    draw(
      'cpu',
      seenCpu,
      [
        { label: `busy of ${said.cpu.cores.toFixed(1)}`, colour: '--soft' },
        { label: 'loader', colour: '--blue' },
        { label: 'PostgreSQL', colour: '--green' },
      ],
      [{ values: (_, all) => all.map((value) => value.toFixed(1)) }],
    );
  }
  list(
    $('running'),
    status.running.map((task) => fileName(task)),
  );
  list(
    $('decisions'),
    (audit.decisions ?? [])
      .slice(-30)
      .reverse()
      .map(({ atSeconds, workers, reason }) => `${seconds(atSeconds)}: ${workers} workers, ${reason}`),
  );
  table(
    $('lanes'),
    ['lane', 'waiting', 'at work', 'loaded', 'failed'],
    status.lanes
      .slice(0, 30)
      .map((lane) => [
        lane.lane,
        count(lane.pending),
        count(lane.running),
        count(lane.loaded),
        count(lane.failed),
      ]),
    [1, 2, 3, 4],
  );
  list(
    $('failures'),
    status.failures.map(
      (task) => `${fileName(task)}: ${task.fault.message}${task.fault.hint ? ` — ${task.fault.hint}` : ''}`,
    ),
  );
  $('reasons').textContent =
    status.rejects.map(({ reason, count: n }) => `${count(n)} ${reason}`).join(', ') || 'none';
}

// ── files: a window onto a million ────────────────────────────────────────────────────────────────────────────────

const files = { after: 0, ended: false, asking: false, shown: 0, wanted: 0 };
/** Files of an answer; fewer are the last. */
const PAGE_ROWS = 200;
/** Rows kept in the document: what was scrolled past long ago goes. */
const MOST_ROWS = 2000;

function restartFiles() {
  Object.assign(files, { after: 0, ended: false, shown: 0, wanted: files.wanted + 1 });
  const head = element('tr');
  for (const title of ['', 'file', 'state', 'size', 'rows', 'rejects', 'why'])
    head.append(element('th', title));
  $('files').querySelector('thead').replaceChildren(head);
  $('files').querySelector('tbody').replaceChildren();
  void moreFiles();
}

async function moreFiles() {
  if (files.asking || files.ended) return;
  files.asking = true;
  const { wanted } = files;
  const query = new URLSearchParams({ after: files.after, state: $('state').value, part: $('part').value });
  try {
    const page = await ask(`/api/files?${query}`);
    if (wanted !== files.wanted) return;
    const body = $('files').querySelector('tbody');
    for (const file of page) {
      const row = element('tr');
      row.append(
        element('td', String(file.taskId), 'number'),
        element('td', fileName(file)),
        element('td', file.state, file.state),
        element('td', bytes(file.sizeBytes), 'number'),
        element('td', count(file.rowsLoaded), 'number'),
        element('td', count(file.rowsRejected), 'number'),
        element('td', file.error?.message ?? ''),
      );
      body.append(row);
    }
    while (body.childElementCount > MOST_ROWS) body.firstElementChild.remove();
    files.shown += page.length;
    files.ended = page.length < PAGE_ROWS;
    files.after = page.at(-1)?.taskId ?? files.after;
    $('files-note').textContent = files.ended
      ? `${count(files.shown)} files.`
      : `${count(files.shown)} so far; scroll for more.`;
  } finally {
    files.asking = false;
    if (wanted !== files.wanted) void moreFiles();
  }
}

$('files').addEventListener('scroll', () => {
  const { scrollTop, scrollHeight, clientHeight } = $('files');
  if (scrollTop + clientHeight > scrollHeight - 600) void moreFiles();
});
$('state').addEventListener('change', restartFiles);
$('part').addEventListener('input', restartFiles);
$('filter').addEventListener('submit', (event) => event.preventDefault());

// ── the other views ───────────────────────────────────────────────────────────────────────────────────────────────

async function showProblems() {
  const rejects = await ask('/api/rejects');
  table(
    $('rejects'),
    ['file', 'line', 'reason', 'field', 'record'],
    rejects.map((one) => [fileName(one), one.line, one.reason, one.field, one.record]),
    [1],
  );
}

async function showMap() {
  $('map-note').textContent = 'Looking at every series …';
  const { rows, series, bars } = await ask('/api/completeness');
  const months = [...new Set(rows.flatMap((row) => row.months.map(({ monthUs }) => monthUs)))].sort(
    (a, b) => a - b,
  );
  const name = (us) => new Date(us / 1000).toISOString().slice(0, 7);
  $('map-note').textContent =
    `${count(series)} series, ${count(bars)} bars; the ${count(rows.length)} least complete first, a month a column.`;
  table(
    $('map'),
    ['series', '%', 'derived', ...months.map((us, k) => (k % 12 === 0 ? name(us).slice(2, 4) : ''))],
    rows.map((row) => {
      const shares = new Map(row.months.map(({ monthUs, share }) => [monthUs, share]));
      return [
        `${row.venue} ${row.symbol} ${row.intervalS / 60} min`,
        (row.share * 100).toFixed(1),
        row.derivedFromS.length === 0
          ? ''
          : `of ${row.derivedFromS.map((of) => `${of / 60} min`).join(', ')}${row.derivedStretches > 1 ? ` (${count(row.derivedStretches)} stretches)` : ''}`,
        ...months.map((us) => {
          const share = shares.get(us);
          const cell = element(
            'td',
            '',
            share === undefined ? 'month' : `month share${Math.min(4, Math.floor(share * 4.0001))}`,
          );
          if (share !== undefined) {
            cell.title = `${name(us)}: ${(share * 100).toFixed(1)} %`;
            cell.setAttribute('aria-label', cell.title);
          }
          return cell;
        }),
      ];
    }),
    [1],
  );
}

async function showRuns() {
  const runs = await ask('/api/runs');
  table(
    $('runs'),
    ['run', 'command', 'started', 'state', 'took', 'files', 'failed', 'rows', 'rejects', 'rows/s'],
    runs.map(({ runId, command, startedAt, finishedAt, state, audit }) => {
      const took = finishedAt === null ? null : (new Date(finishedAt) - new Date(startedAt)) / 1000;
      return [
        runId,
        command,
        startedAt.slice(0, 16).replace('T', ' '),
        state,
        took === null ? '' : seconds(took),
        count(audit?.tasks?.loaded),
        count(audit?.tasks?.failed),
        count(audit?.rows?.loaded),
        count(audit?.rows?.rejected),
        audit?.seconds > 0 ? count(audit.rows.loaded / audit.seconds) : '',
      ];
    }),
    [0, 4, 5, 6, 7, 8, 9],
  );
}

// ── views ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const views = ['live', 'files', 'problems', 'map', 'runs'];
const opening = { files: restartFiles, problems: showProblems, map: showMap, runs: showRuns };

function choose(view, focus = false) {
  for (const name of views) {
    const tab = $(`tab-${name}`);
    const chosen = name === view;
    tab.setAttribute('aria-selected', String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    $(`view-${name}`).hidden = !chosen;
    if (chosen && focus) tab.focus();
  }
  history.replaceState(null, '', `${location.pathname}${location.search}#${view}`);
  Promise.resolve(opening[view]?.()).catch(lost);
}

$('tabs').addEventListener('keydown', (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const at = views.findIndex((name) => $(`tab-${name}`).getAttribute('aria-selected') === 'true');
  choose(views[(at + step + views.length) % views.length], true);
});
for (const name of views) $(`tab-${name}`).addEventListener('click', () => choose(name));

function lost(error) {
  $('run').textContent = `No answer: ${error.message}. The command that showed this page may have ended.`;
}

async function look() {
  try {
    await showLive();
    document.body.dataset.ready = 'yes';
  } catch (error) {
    lost(error);
  }
  setTimeout(look, 1000);
}

choose(views.includes(location.hash.slice(1)) ? location.hash.slice(1) : 'live');
void look();
