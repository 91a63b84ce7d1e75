import type { ScanChecks } from '../src/scan/shape.ts';

/** The rules of one-minute bars of a file whose days nobody has bounded. */
export const MINUTE_CHECKS: ScanChecks = {
  intervalUs: 60e6,
  grid: 'epoch',
  zone: 'UTC',
  fileFromUs: Number.NEGATIVE_INFINITY,
  fileToUs: Number.POSITIVE_INFINITY,
  wantFromUs: Number.NEGATIVE_INFINITY,
  wantToUs: Number.POSITIVE_INFINITY,
  earliestUs: Date.UTC(1990, 0, 1) * 1000,
  latestUs: Date.UTC(2200, 0, 1) * 1000,
  onInvalid: 'reject',
  maxRecordBytes: 1 << 20,
};
