import { backendPid, connect } from '../src/database/connect.ts';
import { familyCpuSeconds, parentOfSameName } from '../src/load/scaling/process_cpu.ts';

/** CPU of a server on this machine with all its processes, of those that have ended too, s; NaN: it is on another. */
export async function serverCpu(url: string): Promise<number> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  try {
    const server = await parentOfSameName(backendPid(client));
    return server === null ? Number.NaN : await familyCpuSeconds(server);
  } finally {
    await client.end();
  }
}
