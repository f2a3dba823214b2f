import { bcs } from '@mysten/sui/bcs'
import { toBase64 } from '@mysten/sui/utils'
import { type Address, parseAddress } from './ledger/address.ts'
import { FAUCET_ADDRESS } from './ledger/genesis.ts'
import type { Ledger } from './ledger/ledger.ts'
import { FLAT_GAS_UNITS, REFERENCE_GAS_PRICE } from './ledger/limits.ts'
import { COIN_PREFIX, coinBalance, type MoveObject, SUI_TYPE } from './ledger/object.ts'
import type { Route } from './rpc/serving.ts'
import { toStatus } from './rpc/status.ts'

/** 1,000 SUI a time, far more than any test spends, in as many coins as Sui's own local faucet gives. */
const GIFT_MIST = 200_000_000_000n
const GIFT_COINS = 5

export interface SentCoin {
  id: Address
  coinType: string
  amount: bigint
}

export interface Gift {
  digest: string
  /** SUI */
  coins: SentCoin[]
  /** of the coin that `setFaucetCoin` named */
  others: SentCoin[]
}

export interface Faucet {
  /** Sends SUI and, once it is named, the network's coin. It does not run dry. Throws LedgerError. */
  give(recipient: string): Promise<Gift>
}

const refOf = ({ id, version, digest }: MoveObject) => ({ objectId: id, version: version.toString(), digest })

export function createFaucet(ledger: Ledger): Faucet {
  return {
    async give(recipient) {
      const to = parseAddress(recipient)
      const named = ledger.faucetCoin
      const extra = named?.coinType === SUI_TYPE ? undefined : named
      const record = await ledger.executeAsFaucet(() => {
        const gas = ledger.faucetCoinOf(SUI_TYPE, GIFT_MIST * BigInt(GIFT_COINS) * 2n)
        const pure = (bytes: Uint8Array) => ({ Pure: { bytes: toBase64(bytes) } })
        const inputs: object[] = [
          pure(bcs.Address.serialize(to).toBytes()),
          pure(bcs.u64().serialize(GIFT_MIST).toBytes()),
        ]
        const numbers = Array.from({ length: GIFT_COINS }, (_, i) => i)
        const amounts = numbers.map(() => ({ Input: 1 }))
        const commands: object[] = [{ SplitCoins: { coin: { GasCoin: true }, amounts } }]
        const objects: object[] = numbers.map(i => ({ NestedResult: [0, i] }))
        if (extra !== undefined) {
          const coin = ledger.faucetCoinOf(extra.coinType, extra.amount)
          inputs.push(
            { Object: { ImmOrOwnedObject: refOf(coin) } },
            pure(bcs.u64().serialize(extra.amount).toBytes()),
          )
          commands.push({ SplitCoins: { coin: { Input: 2 }, amounts: [{ Input: 3 }] } })
          objects.push({ NestedResult: [1, 0] })
        }
        commands.push({ TransferObjects: { objects, address: { Input: 0 } } })
        return {
          V1: {
            kind: { ProgrammableTransaction: { inputs, commands } as never },
            sender: FAUCET_ADDRESS,
            gasData: {
              payment: [refOf(gas)],
              owner: FAUCET_ADDRESS,
              price: REFERENCE_GAS_PRICE.toString(),
              budget: (2n * FLAT_GAS_UNITS * REFERENCE_GAS_PRICE).toString(),
            },
            expiration: { None: true },
          },
        }
      })
      const sent = sentCoins(ledger, record.objectTypes, record.digest, to)
      return {
        digest: record.digest,
        coins: sent.filter(({ coinType }) => coinType === SUI_TYPE),
        others: sent.filter(({ coinType }) => coinType !== SUI_TYPE),
      }
    },
  }
}

/** The new coins of the recipient; they cannot have been moved on already, since its reply is still to come. */
function sentCoins(
  ledger: Ledger,
  types: ReadonlyMap<Address, string>,
  digest: string,
  to: Address,
): SentCoin[] {
  const coins: SentCoin[] = []
  for (const [id, type] of types) {
    const object = ledger.objects.get(id)
    if (object?.kind !== 'move' || object.previousTransaction !== digest) continue
    if (object.owner.kind !== 'address' || object.owner.address !== to) continue
    coins.push({ id, coinType: type.slice(COIN_PREFIX.length, -1), amount: coinBalance(object.contents) })
  }
  return coins
}

/** Sui's faucet requests: `/v2/gas` (and the bare URL), `/gas` and `/v1/gas` in their older shape. */
export function faucetRoutes(faucet: Faucet): [string, Route][] {
  const sent = ({ digest, coins }: Gift) =>
    coins.map(({ id, amount }) => ({ amount: Number(amount), id, transferTxDigest: digest }))
  /** Clients of Sui's faucet take everything in its list for SUI. */
  const others = ({ digest, others }: Gift) =>
    others.map(({ id, amount, coinType }) => ({
      coinType,
      amount: Number(amount),
      id,
      transferTxDigest: digest,
    }))
  const route =
    (success: (gift: Gift) => object, failure: (message: string) => object): Route =>
    async ({ body }) => {
      const recipient = recipientOf(body)
      if (recipient === undefined)
        return { status: 400, json: failure('{"FixedAmountRequest":{"recipient"}} expected') }
      try {
        return { status: 201, json: success(await faucet.give(recipient)) }
      } catch (error) {
        const { code, message } = toStatus(error)
        return { status: code === 'INVALID_ARGUMENT' ? 400 : 503, json: failure(message) }
      }
    }
  const older = route(
    gift => ({ transferredGasObjects: sent(gift), otherObjects: others(gift), error: null }),
    message => ({ transferredGasObjects: [], error: message }),
  )
  const newer = route(
    gift => ({ status: 'Success', coins_sent: sent(gift), other_coins_sent: others(gift) }),
    message => ({ status: { Failure: { internal: message } }, coins_sent: null }),
  )
  return [
    ['POST /', newer],
    ['POST /v2/gas', newer],
    ['POST /gas', older],
    ['POST /v1/gas', older],
  ]
}

function recipientOf(body: Uint8Array): string | undefined {
  try {
    const request: unknown = JSON.parse(new TextDecoder().decode(body))
    const recipient = (request as { FixedAmountRequest?: { recipient?: unknown } })?.FixedAmountRequest
      ?.recipient
    return typeof recipient === 'string' ? recipient : undefined
  } catch {
    return undefined
  }
}
