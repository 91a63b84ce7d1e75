/** The one transaction of an attempt: opened with the first statement that needs it, and never left behind. */

import type { ClientBase } from 'pg';
import { killPoint } from '../../base/kill_points.ts';
import { type Attempt, sessionName } from '../../state/tasks/attempt.ts';

export class AttemptTransaction {
  readonly #client: ClientBase | null;
  readonly #name: Attempt;
  readonly #isDurable: boolean;
  #began = false;

  /**
   * `client` is null when rows go to no database. `isDurable`: COMMIT waits for the disk. It has to where several servers
   * commit as one: none may forget what the others keep.
   */
  constructor(client: ClientBase | null, name: Attempt, isDurable: boolean) {
    this.#client = client;
    this.#name = name;
    this.#isDurable = isDurable;
  }

  async begin(): Promise<void> {
    if (this.#began || this.#client === null) return;
    await this.#client.query(this.opening());
  }

  /** What opens it, to go before the first statement. The session carries the attempt's name: whoever expires it can end it. */
  opening(): string {
    if (this.#began) return '';
    this.#began = true;
    // An asynchronous commit may be lost by a crash of the server, but only whole: the task is then loaded again.
    const commits = this.#isDurable ? 'on' : 'off';
    return `BEGIN; SET LOCAL synchronous_commit = ${commits}; SET LOCAL application_name = '${sessionName(this.#name)}';`;
  }

  async commit(): Promise<void> {
    if (this.#client === null) return;
    const committing = this.#client.query('COMMIT');
    killPoint('commit.sent');
    await committing;
    killPoint('commit.answered');
    this.#began = false;
  }

  async rollBack(): Promise<void> {
    if (!this.#began || this.#client === null) return;
    this.#began = false;
    await this.#client.query('ROLLBACK');
  }
}
