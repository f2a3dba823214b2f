import { LedgerError } from './errors.ts'
import { LIMITS } from './limits.ts'

const KIND = { pure: 0, object: 1, withdrawal: 2 } as const
const COMMAND = { call: 0, transfer: 1, split: 2, merge: 3, publish: 4, vector: 5, upgrade: 6 } as const
const ARGUMENT_BYTES = [0, 2, 2, 4]
const TAG = { vector: 6, struct: 7, last: 10 } as const
const ADDRESS_BYTES = 32

/** The bytes are no transaction; the real parser says so. */
class Malformed extends Error {}

/**
 * Bounds the types that a transaction names, on its bytes: parsers of types recurse and write out texts, which 100 kB of
 * nested vectors make a work of seconds. As on Sui, number (of all nodes of a command's types) and depth stay below the
 * limit. Bytes that are no transaction pass: the real parser refuses them.
 * @throws LedgerError INVALID_ARGUMENT
 */
export function checkTypeTags(bytes: Uint8Array): void {
  try {
    new Scanner(bytes).transaction()
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
  }
}

class Scanner {
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  transaction(): void {
    // TransactionData::V1 of a ProgrammableTransaction
    if (this.#uleb() !== 0 || this.#uleb() !== 0) throw new Malformed()
    this.#each(() => this.#input())
    this.#each(() => this.#command())
  }

  #input(): void {
    const kind = this.#uleb()
    if (kind === KIND.pure) {
      this.#skip(this.#uleb())
    } else if (kind === KIND.object) {
      const isShared = this.#uleb() === 1
      this.#skip(ADDRESS_BYTES + 8)
      this.#skip(isShared ? 1 : this.#uleb())
    } else if (kind === KIND.withdrawal) {
      this.#skip(1 + 8 + 1)
      this.#type({ nodes: 0 })
      // from the sender, the sponsor, or an allowance of two addresses
      this.#skip(this.#uleb() === 2 ? 2 * ADDRESS_BYTES : 0)
    } else throw new Malformed()
  }

  #command(): void {
    switch (this.#uleb()) {
      case COMMAND.call: {
        this.#skip(ADDRESS_BYTES)
        this.#skip(this.#uleb())
        this.#skip(this.#uleb())
        const count = { nodes: 0 }
        this.#each(() => this.#type(count))
        this.#each(() => this.#argument())
        break
      }
      case COMMAND.transfer:
        this.#each(() => this.#argument())
        this.#argument()
        break
      case COMMAND.split:
      case COMMAND.merge:
        this.#argument()
        this.#each(() => this.#argument())
        break
      case COMMAND.publish:
        this.#code()
        break
      case COMMAND.vector:
        if (this.#uleb() === 1) this.#type({ nodes: 0 })
        this.#each(() => this.#argument())
        break
      case COMMAND.upgrade:
        this.#code()
        this.#skip(ADDRESS_BYTES)
        this.#argument()
        break
      default:
        throw new Malformed()
    }
  }

  #code(): void {
    this.#each(() => this.#skip(this.#uleb()))
    this.#each(() => this.#skip(ADDRESS_BYTES))
  }

  #argument(): void {
    const size = ARGUMENT_BYTES[this.#uleb()]
    if (size === undefined) throw new Malformed()
    this.#skip(size)
  }

  #type(count: { nodes: number }, depth = 1): void {
    if (++count.nodes >= LIMITS.maxTypeArguments)
      refuse('maximum type arguments in a command', 'maxTypeArguments')
    if (depth >= LIMITS.maxTypeArgumentDepth) refuse('maximum type argument depth', 'maxTypeArgumentDepth')
    const tag = this.#uleb()
    if (tag > TAG.last) throw new Malformed()
    if (tag === TAG.vector) this.#type(count, depth + 1)
    if (tag !== TAG.struct) return
    this.#skip(ADDRESS_BYTES)
    this.#skip(this.#uleb())
    this.#skip(this.#uleb())
    this.#each(() => this.#type(count, depth + 1))
  }

  #each(item: () => void): void {
    for (let left = this.#uleb(); left > 0; left--) item()
  }

  #skip(size: number): void {
    this.#position += size
    if (this.#position > this.#bytes.length) throw new Malformed()
  }

  #uleb(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#position >= this.#bytes.length) throw new Malformed()
      const byte = this.#bytes[this.#position++]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Malformed()
  }
}

function refuse(what: string, limit: 'maxTypeArguments' | 'maxTypeArgumentDepth'): never {
  throw new LedgerError('INVALID_ARGUMENT', `Size limit exceeded: ${what} is ${LIMITS[limit]}`)
}
