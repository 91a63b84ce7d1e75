/** Makes metrics and spans of what a load says of itself. */

import type { Meter, Span, Tracer } from '@opentelemetry/api';
import { type Context, SpanStatusCode, trace } from '@opentelemetry/api';
import type { LoadEvent, LoadSummary, ProgressEvent, TaskEvent } from '../load/load_events.ts';
import { type LoadInstruments, type LoadStanding, loadInstruments } from './instruments.ts';

type Phase = 'discover' | 'load' | 'finish';

interface PhaseSpan {
  readonly name: Phase;
  /** ms since 1970. */
  readonly since: number;
  readonly span: Span;
  readonly context: Context;
}

export class LoadMeasures {
  readonly #instruments: LoadInstruments;
  readonly #tracer: Tracer;
  readonly #run: Context;
  readonly #began = Date.now();
  #progress: ProgressEvent | null = null;
  #unchanged = 0;
  #inflated = 0;
  #phase: PhaseSpan;

  /** `run`: the context of the run's span. */
  constructor(meter: Meter, tracer: Tracer, run: Context) {
    this.#instruments = loadInstruments(meter, () => this.#standing());
    this.#tracer = tracer;
    this.#run = run;
    this.#phase = this.#enter('discover', this.#began);
  }

  event(event: LoadEvent): void {
    switch (event.type) {
      case 'discovered':
        this.#unchanged = event.unchanged;
        // Files are loaded from the first one found on: what is found is a part of loading from here.
        trace.getSpan(this.#run)?.addEvent('discovered', {
          'backhaul.objects': event.objects,
          'backhaul.entries': event.entries,
          'backhaul.tasks': event.tasks,
        });
        return;
      case 'progress':
        this.#progress = event;
        if (event.phase === 'finish') this.#turnTo('finish');
        else if (event.workers > 0) this.#turnTo('load');
        return;
      case 'decision':
        trace.getSpan(this.#run)?.addEvent('workers', {
          'backhaul.workers': event.workers,
          'backhaul.workers.previous': event.previous,
          'backhaul.reason': event.reason,
        });
        return;
      case 'task':
        this.#turnTo('load');
        this.#attempt(event);
    }
  }

  /** The load has come to its end; null where it did not say how. */
  end(summary: LoadSummary | null): void {
    this.#leave(Date.now());
    if (summary === null) return;
    this.#unchanged = summary.tasks.unchanged;
    this.#inflated = Math.max(this.#inflated, summary.inflatedBytes);
    const { loaded, failed } = summary.tasks;
    const done = loaded + failed;
    const before = this.#progress;
    this.#progress = {
      type: 'progress',
      phase: 'finish',
      tasksDone: done,
      tasksTotal: Math.max(done, before?.tasksTotal ?? 0),
      bytesDone: summary.bytes,
      bytesTotal: summary.bytes,
      rowsRead: summary.rows.read,
      rowsLoaded: summary.rows.loaded,
      rowsRejected: summary.rows.rejected,
      tasksFailed: failed,
      workers: 0,
      workersWanted: 0,
      seconds: summary.seconds,
      waits: before?.waits ?? { source: 0, lane: 0, copy: 0 },
      ...(before?.cpu !== undefined && { cpu: before.cpu }),
    };
    trace.getSpan(this.#run)?.setAttributes({
      ...(summary.runId === null ? {} : { 'backhaul.run.id': summary.runId }),
      'backhaul.tasks.loaded': loaded,
      'backhaul.tasks.failed': failed,
      'backhaul.rows.loaded': summary.rows.loaded,
      'backhaul.rows.rejected': summary.rows.rejected,
      'backhaul.workers.peak': summary.peakWorkers,
    });
  }

  #standing(): LoadStanding {
    const now = this.#progress;
    const failed = now?.tasksFailed ?? 0;
    const loaded = (now?.tasksDone ?? 0) - failed;
    const running = now?.workers ?? 0;
    const { source = 0, lane = 0, copy = 0 } = now?.waits ?? {};
    return {
      tasks: {
        pending: Math.max(0, (now?.tasksTotal ?? 0) - loaded - failed - running),
        running,
        loaded,
        failed,
        unchanged: this.#unchanged,
      },
      workers: { active: running, wanted: now?.workersWanted ?? 0 },
      records: now?.rowsRead ?? 0,
      bytes: { stored: now?.bytesDone ?? 0, inflated: this.#inflated },
      waits: { source, lane, database: copy },
      cpu: now?.cpu ?? null,
    };
  }

  #attempt(event: TaskEvent): void {
    const { outcome, rows, seconds, waits, fault } = event;
    const how = {
      'backhaul.attempt.outcome': outcome,
      ...(fault === null ? {} : { 'error.type': fault.kind }),
    };
    const phases = {
      source: waits.source,
      lane: waits.lane,
      database: waits.copy,
      // Batches are sent while the next ones are scanned: what was waited for may add up to more than there was.
      work: Math.max(0, seconds - waits.source - waits.lane - waits.copy),
    };
    this.#instruments.attempts.add(1, how);
    this.#instruments.attemptDuration.record(seconds, { 'backhaul.attempt.outcome': outcome });
    if (outcome === 'loaded') {
      this.#inflated += event.inflatedBytes;
      for (const became of ['loaded', 'rejected', 'duplicate', 'empty', 'conflict', 'outside'] as const)
        this.#instruments.rows.add(rows[became], { 'backhaul.row.outcome': became });
      for (const [phase, took] of Object.entries(phases))
        this.#instruments.attemptPhase.record(took, { 'backhaul.phase': phase });
    }
    const ended = Date.now();
    const span = this.#tracer.startSpan(
      'attempt',
      {
        startTime: ended - seconds * 1000,
        attributes: {
          ...how,
          'backhaul.task.uri': event.uri,
          ...(event.entry === null ? {} : { 'backhaul.task.entry': event.entry }),
          'backhaul.attempt': event.attempt,
          'backhaul.rows.read': rows.read,
          'backhaul.rows.loaded': rows.loaded,
          'backhaul.rows.rejected': rows.rejected,
        },
      },
      this.#phase.context,
    );
    if (outcome === 'loaded')
      for (const [phase, took] of Object.entries(phases))
        span.addEvent('phase', { 'backhaul.phase': phase, 'backhaul.phase.seconds': took }, ended);
    if (fault !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: fault.message });
    span.end(ended);
  }

  #turnTo(name: Phase): void {
    if (this.#phase.name === name) return;
    const now = Date.now();
    this.#leave(now);
    this.#phase = this.#enter(name, now);
  }

  #enter(name: Phase, since: number): PhaseSpan {
    const span = this.#tracer.startSpan(name, { startTime: since }, this.#run);
    return { name, since, span, context: trace.setSpan(this.#run, span) };
  }

  #leave(now: number): void {
    const { name, since, span } = this.#phase;
    this.#instruments.runPhase.record((now - since) / 1000, { 'backhaul.phase': name });
    span.end(now);
  }
}
