import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../../../base/atomic-file.ts'
import type { ShardIndex } from '../../../codec/types.ts'
import type { ChallengeProof } from '../../../protocols/ports.ts'
import type { RoundRecord, RoundRecords } from '../store/round-records.ts'
import type { AskedQuestion } from './asked.ts'
import { type HoldingsInit, leavesOf, proofOf } from './holdings.ts'
import { LeafFile } from './leaf-file.ts'
import { leafHasher } from './leaves.ts'
import { type OwedInit, owedBlobs } from './owed.ts'

export interface ProverInit extends HoldingsInit, OwedInit {
  rounds: Pick<RoundRecords, 'wereOwed' | 'wasOwed'>
  /** folder of its own */
  path: string
}

/** Beside the levels of a tree that is whole. */
const DONE = 'leaves.json'

/** A node's own part in a round: the tree over what it holds, kept in a folder until the next round, and what it shows of it. */
export class Prover implements AsyncDisposable {
  readonly #init: ProverInit
  #tree: { of: string; file: LeafFile } | undefined

  constructor(init: ProverInit) {
    this.#init = init
  }

  /** The root over all that the node owes with these shards, in order: made once, and found again after a restart. 32 bytes. */
  async commit(record: RoundRecord, shards: readonly ShardIndex[], signal: AbortSignal): Promise<Uint8Array> {
    // one that is damaged is made again, as long as the chain takes commitments
    const there = await this.#open(record).catch(() => undefined)
    return (there ?? (await this.#write(record, shards, signal))).root
  }

  /** The root that was made for a round; undefined when it is not there. */
  async root(record: RoundRecord): Promise<Uint8Array | undefined> {
    return (await this.#open(record))?.root
  }

  /** In the order of the questions; `lacking` is how many of them the node has nothing to show for. */
  async prove(
    record: RoundRecord,
    questions: readonly AskedQuestion[],
    signal: AbortSignal,
  ): Promise<{ proofs: ChallengeProof[]; lacking: number }> {
    const tree = await this.#open(record)
    const hash = leafHasher(Buffer.from(record.salt, 'hex'), this.#init.nodeId)
    const proofs: ChallengeProof[] = []
    let lacking = 0
    for (const question of questions) {
      const { leaf } = question
      const proof = tree && (await proofOf(this.#init, question, { leaf, tree, hash }, signal))
      // nothing needs to be shown of what was deleted meanwhile
      if (proof === undefined && (await this.#init.rounds.wasOwed(question.blobId)) === undefined) lacking++
      proofs.push(proof ?? { leaf, bytes: new Uint8Array(), path: [], siblings: [] })
    }
    return { proofs, lacking }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree?.file[Symbol.asyncDispose]()
    this.#tree = undefined
  }

  async #open(record: RoundRecord): Promise<LeafFile | undefined> {
    const of = nameOf(record)
    if (this.#tree?.of === of) return this.#tree.file
    const folder = join(this.#init.path, of)
    const done = await readFile(join(folder, DONE), 'utf8').catch(() => undefined)
    if (done === undefined) return undefined
    const { count, root } = JSON.parse(done) as { count: number; root: string }
    const file = await LeafFile.open(folder, count)
    if (hexOf(file.root) === root) return await this.#keep(of, file)
    await file[Symbol.asyncDispose]()
    throw new Error('the tree of what was committed to is damaged')
  }

  async #write(record: RoundRecord, shards: readonly ShardIndex[], signal: AbortSignal): Promise<LeafFile> {
    const { path, nodeId } = this.#init
    await this[Symbol.asyncDispose]()
    await mkdir(path, { recursive: true, mode: 0o700 })
    for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true })
    const hash = leafHasher(Buffer.from(record.salt, 'hex'), nodeId)
    const owed = owedBlobs(this.#init, record.epoch, signal)
    const of = nameOf(record)
    const folder = join(path, of)
    const file = await LeafFile.write(folder, leavesOf(this.#init, owed, shards, hash, signal), signal)
    await writeAtomically(join(folder, DONE), JSON.stringify({ count: file.count, root: hexOf(file.root) }))
    return await this.#keep(of, file)
  }

  async #keep(of: string, file: LeafFile): Promise<LeafFile> {
    await this[Symbol.asyncDispose]()
    this.#tree = { of, file }
    return file
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The salt is in it: a chain that has lost its end may draw another for the same round. */
const nameOf = ({ epoch, round, salt }: RoundRecord): string => `${epoch}-${round}-${salt.slice(0, 16)}`
