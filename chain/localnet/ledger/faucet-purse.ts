import { type Address, addressToBytes } from './address.ts'
import { hash } from './digest.ts'
import { FAUCET_ADDRESS, GENESIS_DIGEST } from './genesis.ts'
import { COIN_PREFIX, coinBalance, type MoveObject, sealMove } from './object.ts'
import type { LiveObjects } from './store/live-objects.ts'

/** Far more than is ever given away, and below what a balance holds. */
const FILLED_TO = 9_000_000_000_000_000_000n

const PAGE_SIZE = 1000

/**
 * The faucet's coins, one of each type. What it was sent is used first; after that it mints, so that it never runs dry,
 * and a sender of a thousand tiny coins hides nothing from it.
 */
export class FaucetPurse {
  readonly #objects: LiveObjects
  readonly #used = new Map<string, Address>()

  constructor(objects: LiveObjects) {
    this.#objects = objects
  }

  /** A coin with at least `amount`. It is in the ledger as it is, or must be written there. */
  coinOf(coinType: string, amount: bigint): MoveObject {
    const type = `${COIN_PREFIX}${coinType}>`
    const isEnough = (coin: MoveObject) => coinBalance(coin.contents) >= amount
    const known = this.#mine(this.#used.get(coinType), type)
    if (known !== undefined && isEnough(known)) return known
    const largest = this.#largest(type)
    const coin = largest !== undefined && isEnough(largest) ? largest : filled(coinType, type, largest)
    this.#used.set(coinType, coin.id)
    return coin
  }

  #mine(id: Address | undefined, type: string): MoveObject | undefined {
    const object = id === undefined ? undefined : this.#objects.get(id)
    return object?.kind === 'move' &&
      object.type === type &&
      object.owner.kind === 'address' &&
      object.owner.address === FAUCET_ADDRESS
      ? object
      : undefined
  }

  #largest(type: string): MoveObject | undefined {
    let largest: MoveObject | undefined
    let after: string | undefined
    do {
      const page = this.#objects.ownedBy(FAUCET_ADDRESS, { limit: PAGE_SIZE, type, after })
      for (const coin of page.items)
        if (
          coin.owner.kind === 'address' &&
          (largest === undefined || coinBalance(coin.contents) > coinBalance(largest.contents))
        )
          largest = coin
      after = page.next
    } while (after !== undefined)
    return largest
  }
}

/** The next version of a coin, or a new one, that holds more than enough. */
function filled(coinType: string, type: string, before: MoveObject | undefined): MoveObject {
  const id =
    before?.id ??
    `0x${Buffer.from(hash(new TextEncoder().encode(`floe localnet faucet ${coinType}`))).toString('hex')}`
  const contents = new Uint8Array(40)
  contents.set(addressToBytes(id))
  new DataView(contents.buffer).setBigUint64(32, FILLED_TO, true)
  return sealMove({
    id,
    version: (before?.version ?? 0n) + 1n,
    owner: { kind: 'address', address: FAUCET_ADDRESS },
    previousTransaction: before?.previousTransaction ?? GENESIS_DIGEST,
    type,
    hasPublicTransfer: true,
    contents,
  })
}
