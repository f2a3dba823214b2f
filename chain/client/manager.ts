import { bcs } from '@mysten/sui/bcs'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { deriveDynamicFieldID } from '@mysten/sui/utils'
import { parseObjectId } from '../../codec/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { decodeMove, fieldOf, vecMap } from '../bindings/move.ts'
import { ChainError } from '../errors.ts'
import type { BlobManager, CallOptions, Wallet } from '../types/index.ts'
import type { Calls } from './calls.ts'
import { fetchObjects } from './objects.ts'
import { type Outcome, sharedBlobIn } from './outcome.ts'
import { type SessionComponents, WalletSession } from './session.ts'

/** Name of the dynamic field with a blob's attributes, a `vector<u8>`. */
const ATTRIBUTES_KEY = bcs.byteVector().serialize(new TextEncoder().encode('metadata')).toBytes()
const AttributesField = fieldOf(
  bcs.byteVector(),
  bcs.struct('Metadata', { metadata: vecMap(bcs.string(), bcs.string()) }),
)

/** What an owner does with blobs besides storing them. */
export class WalletManager implements BlobManager {
  readonly #session: WalletSession

  constructor(wallet: Wallet, components: SessionComponents) {
    this.#session = new WalletSession(wallet, components)
  }

  get wallet(): Wallet {
    return this.#session.wallet
  }

  async setAttributes(
    blob: ObjectId,
    attributes: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<{ digest: string }> {
    return await this.#send(calls => {
      for (const [key, value] of Object.entries(attributes)) calls.setAttribute(blob, key, value)
    }, options)
  }

  async removeAttributes(
    blob: ObjectId,
    keys: readonly string[],
    options?: CallOptions,
  ): Promise<{ digest: string }> {
    return await this.#send(calls => {
      for (const key of keys) calls.removeAttribute(blob, key)
    }, options)
  }

  async burn(blob: ObjectId, options?: CallOptions): Promise<{ digest: string }> {
    return await this.#send(calls => calls.burnBlob(blob), options)
  }

  async share(
    blob: ObjectId,
    options: CallOptions & { fundFrost?: bigint } = {},
  ): Promise<{ digest: string; sharedBlob: ObjectId }> {
    const { fundFrost = 0n } = options
    const outcome =
      fundFrost === 0n
        ? await this.#session.call(calls => calls.shareBlob(blob), options)
        : await this.#pay(fundFrost, (calls, funds) => calls.shareBlob(blob, funds), options)
    return { digest: outcome.digest, sharedBlob: sharedBlobIn(outcome) }
  }

  async fundShared(
    sharedBlob: ObjectId,
    amountFrost: bigint,
    options?: CallOptions,
  ): Promise<{ digest: string }> {
    const add = (calls: Calls, funds: Funds) => calls.fundSharedBlob(sharedBlob, funds)
    const { digest } = await this.#pay(amountFrost, add, options)
    return { digest }
  }

  async extendShared(
    sharedBlob: ObjectId,
    epochs: number,
    options: CallOptions & { fundFrost?: bigint } = {},
  ): Promise<{ digest: string }> {
    const { fundFrost = 0n } = options
    const extend = (calls: Calls) => calls.extendSharedBlob(sharedBlob, epochs)
    if (fundFrost === 0n) return await this.#send(extend, options)
    const both = (calls: Calls, funds: Funds) => {
      calls.fundSharedBlob(sharedBlob, funds)
      extend(calls)
    }
    const { digest } = await this.#pay(fundFrost, both, options)
    return { digest }
  }

  async splitStorage(
    storage: ObjectId,
    at: { bytes: bigint } | { epoch: number },
    options?: CallOptions,
  ): Promise<{ digest: string; rest: ObjectId }> {
    const outcome = await this.#session.call(calls => {
      const rest =
        'bytes' in at ? calls.splitBySize(storage, at.bytes) : calls.splitByEpoch(storage, at.epoch)
      calls.tx.transferObjects([rest], this.wallet.address)
    }, options)
    const created = outcome.changed.find(change => change.created && change.type.endsWith('::Storage'))
    if (!created) throw new ChainError('MALFORMED', 'splitting made no Storage', { what: 'storage' })
    return { digest: outcome.digest, rest: parseObjectId(created.objectId) }
  }

  async mergeStorages(
    first: ObjectId,
    others: readonly ObjectId[],
    options?: CallOptions,
  ): Promise<{ digest: string }> {
    return await this.#send(calls => {
      for (const other of others) calls.fuseStorages(first, other)
    }, options)
  }

  async burnStorages(storages: readonly ObjectId[], options?: CallOptions): Promise<{ digest: string }> {
    return await this.#send(calls => {
      for (const storage of storages) calls.destroyStorage(storage)
    }, options)
  }

  async sendSui(
    recipient: ObjectId,
    amountMist: bigint,
    { note, ...options }: CallOptions & { note?: Uint8Array } = {},
  ): Promise<{ digest: string }> {
    return await this.#send(({ tx }) => {
      if (note !== undefined) tx.pure(note)
      tx.transferObjects([tx.splitCoins(tx.gas, [amountMist])], recipient)
    }, options)
  }

  async send(blob: ObjectId, recipient: ObjectId, options?: CallOptions): Promise<{ digest: string }> {
    return await this.#send(calls => calls.tx.transferObjects([blob], recipient), options)
  }

  async #send(add: (calls: Calls) => void, options: CallOptions | undefined): Promise<{ digest: string }> {
    const { digest } = await this.#session.call(calls => add(calls), options)
    return { digest }
  }

  async #pay(
    amountFrost: bigint,
    add: (calls: Calls, funds: Funds) => void,
    options: CallOptions | undefined,
  ): Promise<Outcome> {
    const { outcome } = await this.#session.pay(
      () => amountFrost,
      (calls, { coin }) => add(calls, coin),
      options,
    )
    return outcome
  }
}

type Funds = Parameters<Calls['fundSharedBlob']>[1]

/** Attributes of a blob; empty when it has none. */
export async function readAttributes(client: SuiGrpcClient, blob: ObjectId): Promise<Record<string, string>> {
  return (await readAttributesOf(client, [blob]))[0]!
}

/** Those of several, in their order. */
export async function readAttributesOf(
  client: SuiGrpcClient,
  blobs: readonly ObjectId[],
): Promise<Record<string, string>[]> {
  const ids = blobs.map(blob => deriveDynamicFieldID(blob, 'vector<u8>', ATTRIBUTES_KEY))
  return (await fetchObjects(client, ids)).map(field => {
    if (!field) return {}
    const { metadata } = decodeMove(AttributesField, field.content).value
    // entries may have any name, `__proto__` too: fromEntries defines them as own properties
    return Object.fromEntries(metadata.contents.map(({ key, value }) => [key, value]))
  })
}
