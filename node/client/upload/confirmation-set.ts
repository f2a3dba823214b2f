import { equalBytes } from '../../../base/bytes.ts'
import type { Committee } from '../../../chain/types/index.ts'
import {
  type Aggregation,
  aggregateConfirmations,
  type Bls,
  type BlsSum,
  confirmationMessage,
  isQuorum,
} from '../../../codec/index.ts'
import type { BlobId, Persistence } from '../../../codec/types.ts'

/** Confirmations of one blob by the members of one committee, on their way to a certificate. Free it afterwards. */
export class ConfirmationSet {
  readonly #committee: Committee
  readonly #message: Uint8Array
  /** keys and weights of the members, in their order */
  readonly #members: { publicKey: Uint8Array; weight: number }[]
  readonly #signatures = new Map<number, Uint8Array>()
  /** of the signatures so far; none any more once one of them was bad */
  #sum: BlsSum | undefined
  readonly #summed = new Set<number>()
  #spoiled = false

  constructor(committee: Committee, blobId: BlobId, persistence: Persistence) {
    this.#committee = committee
    this.#message = confirmationMessage({ epoch: committee.epoch, blobId, persistence })
    this.#members = committee.members.map(({ blsPublicKey, shards }) => ({
      publicKey: blsPublicKey,
      weight: shards.length,
    }))
  }

  /** of those that were added and not found to be bad, in shards */
  get weight(): number {
    return [...this.#signatures.keys()].reduce((sum, index) => sum + this.#members[index]!.weight, 0)
  }

  get count(): number {
    return this.#signatures.size
  }

  /** False when it confirms something else: only what equals, byte for byte, the message that we built ourselves counts. */
  add(index: number, { message, signature }: { message: Uint8Array; signature: Uint8Array }): boolean {
    if (!equalBytes(message, this.#message)) return false
    this.#signatures.set(index, signature)
    return true
  }

  /**
   * Adds up what has come since the last time, so that keys and signatures are read while others are waited for. At a quorum
   * gives the certificate, or the members whose signatures are none: these are dropped.
   */
  aggregate(bls: Bls): Aggregation {
    this.#addUp(bls)
    const { weight } = this
    const { epoch, nShards } = this.#committee
    if (!isQuorum(weight, nShards)) return { weight, bad: [] }
    const aggregated = aggregateConfirmations({
      bls,
      sum: this.#sum,
      message: this.#message,
      epoch,
      nShards,
      members: this.#members,
      signatures: this.#signatures,
    })
    if (aggregated.bad.length > 0) this.free()
    for (const index of aggregated.bad) this.#signatures.delete(index)
    return aggregated
  }

  /** Of the memory of the sum. */
  free(): void {
    this.#spoiled = true
    this.#sum?.free()
    this.#sum = undefined
  }

  /** What is no signature is found out and named at the quorum. */
  #addUp(bls: Bls): void {
    if (this.#spoiled) return
    this.#sum ??= bls.sum()
    for (const [index, signature] of this.#signatures) {
      if (this.#summed.has(index)) continue
      try {
        this.#sum.add(this.#members[index]!.publicKey, signature)
        this.#summed.add(index)
      } catch {
        this.free()
        return
      }
    }
  }
}
