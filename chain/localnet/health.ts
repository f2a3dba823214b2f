import { EventEmitter } from 'node:events'

/** Why the localnet cannot do all of its work. */
export interface HealthProblem {
  code: 'DISK_FULL' | 'STORE_UNWRITABLE'
  /** what is wrong and what to do, for people */
  message: string
}

/** How the localnet is; `changes` emits `change` when that is another than before. */
export class Health {
  readonly changes = new EventEmitter().setMaxListeners(0)
  #problem: HealthProblem | undefined

  get problem(): HealthProblem | undefined {
    return this.#problem
  }

  set(problem: HealthProblem | undefined): void {
    if (problem?.code === this.#problem?.code) return
    this.#problem = problem
    this.changes.emit('change')
  }
}
