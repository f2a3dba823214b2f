import type { BlobId, ObjectId } from '../../codec/types.ts'
import { isClientError } from '../../node/client/errors.ts'
import type { Random } from '../support/random.ts'
import { Broken } from './invariants.ts'
import type { World } from './world.ts'

export interface WorkloadInit {
  world: World
  random: Random
  /** blobs that are stored in all, spread over this many steps */
  uploads: number
  steps: number
  /** Too many may not be relied on: a read may fail now. */
  mayFail: () => boolean
}

const READ_ATTEMPTS = 5
const READS_PER_STEP = 3

/** What clients do: store, read, extend and delete. Every read must give the blob's bytes. */
export class Workload {
  readonly #init: WorkloadInit
  readonly counts = { stored: 0, right: 0, again: 0, deleted: 0 }
  /** uploads that came to nothing, by error */
  readonly failed: Record<string, number> = {}
  #launched = 0

  constructor(init: WorkloadInit) {
    this.#init = init
  }

  /** What is done in a step, each at some moment of it. */
  step(step: number, stepMs: number): void {
    const { world, random, uploads, steps } = this.#init
    const due = Math.min(uploads, Math.ceil((uploads * step) / steps))
    for (; this.#launched < due; this.#launched++) this.#later(stepMs, () => this.#store())
    const owed = world.ledger.blobs.filter(blob => world.ledger.isOwed(blob, world.chain.epoch))
    if (owed.length === 0) return
    for (let i = 0; i < READS_PER_STEP; i++) {
      const { blobId } = random.pick(owed)
      this.#later(stepMs, () => this.read(blobId))
    }
    if (random.chance(0.4)) {
      const { objects, blobId } = random.pick(owed)
      const [objectId] = random.pick([...objects])
      this.#later(stepMs, () => this.#change(blobId, objectId))
    }
  }

  /** Must give the blob's bytes, within a few attempts, as long as somebody pays for it. */
  async read(blobId: BlobId): Promise<void> {
    const { world, random, mayFail } = this.#init
    const { ledger, chain, trace, invariants } = world
    const client = random.pick(world.clients)
    for (let attempt = 1; ; attempt++) {
      try {
        const data = await client.read(blobId)
        trace.note(`read ${blobId.slice(0, 8)}`)
        this.counts.right++
        return invariants.read(blobId, Buffer.compare(data, world.data.get(blobId)!) === 0)
      } catch (error) {
        if (error instanceof Broken) throw error
        if (!ledger.isOwed(ledger.of(blobId)!, chain.epoch) || mayFail()) return
        trace.note(`not read ${blobId.slice(0, 8)}: ${codeOf(error)}`)
        if (attempt === READ_ATTEMPTS || !isClientError(error))
          throw new Broken(1, `${blobId} is not read: ${error}`)
        this.counts.again++
        await world.timeline.clock.sleep(2_000)
      }
    }
  }

  #later(stepMs: number, run: () => Promise<void>): void {
    const { world, random } = this.#init
    world.timeline.after(random.next() * stepMs, () => {
      run().catch(error => world.fail(error))
    })
  }

  async #store(): Promise<void> {
    const { world, random } = this.#init
    const data = world.anyData(random)
    const client = random.pick(world.clients)
    const options = { epochs: 1 + random.int(6), deletable: random.chance(0.7) }
    await world.know(data)
    try {
      const { blobId } = await client.store(data, options)
      world.trace.note(`stored ${blobId.slice(0, 8)}`)
      this.counts.stored++
    } catch (error) {
      const code = codeOf(error)
      world.trace.note(`not stored: ${code}`)
      this.failed[code] = (this.failed[code] ?? 0) + 1
    }
  }

  async #change(blobId: BlobId, objectId: ObjectId): Promise<void> {
    const { world, random } = this.#init
    const { chain } = world
    const blob = chain.blobs.get(objectId)
    if (blob === undefined || blob.storage.endEpoch <= chain.epoch) return
    if (blob.deletable && random.chance(0.6)) {
      chain.delete(objectId)
      this.counts.deleted++
      // the same content, at once
      if (random.chance(0.3)) {
        const data = world.data.get(blobId)!
        await world.clients[0]!.store(data, { epochs: 3, deletable: true }).catch(() => undefined)
      }
    } else chain.extend(objectId, 1 + random.int(3))
  }
}

const codeOf = (error: unknown): string =>
  isClientError(error) ? error.code : error instanceof Error ? error.message : 'unknown'
