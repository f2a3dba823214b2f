import type { Arena } from './arena.ts'
import { copyBytes } from './copy.ts'
import { type Phase, PhaseBuilder } from './phase.ts'

/** two-byte symbols there are */
export const LEAF_TABLE_ENTRIES = 65_536
const ENTRIES_PER_UNIT = 4096
const ENTRY_BYTES = 32
/** Copying the table takes as long as hashing some 1,500 leaves. */
const COPY_LEAVES = 2_000

/** The hashes of all two-byte leaves, kept from the job that first needed them: 2 MiB. */
export class LeafTable {
  #hashes: Uint8Array | undefined
  #hashed = 0

  /**
   * Whether a job of so many two-byte leaves looks them up: once there is a table, when that is cheaper than to copy it. Before,
   * when as many leaves as two tables have been hashed one by one, this job's included.
   */
  repays(leaves: number): boolean {
    if (this.#hashes !== undefined) return leaves >= COPY_LEAVES
    this.#hashed += leaves
    return this.#hashed >= 2 * LEAF_TABLE_ENTRIES
  }

  /** Writes the table to a job's memory; `run` runs a phase of the job. */
  async write(arena: Arena, address: number, run: (phase: Phase) => Promise<void>): Promise<void> {
    if (this.#hashes !== undefined) {
      copyBytes(arena.bytes, address, this.#hashes)
      return
    }
    await run(fillLeafTable(new PhaseBuilder(), address).build())
    this.#hashes = arena.bytes.slice(address, address + LEAF_TABLE_ENTRIES * ENTRY_BYTES)
  }
}

/** Adds the units that hash the table. */
export function fillLeafTable(phase: PhaseBuilder, address: number): PhaseBuilder {
  for (let entry = 0; entry < LEAF_TABLE_ENTRIES; entry += ENTRIES_PER_UNIT) {
    phase.unit().call('fillLeafMemo', address, entry, entry + ENTRIES_PER_UNIT)
  }
  return phase
}
