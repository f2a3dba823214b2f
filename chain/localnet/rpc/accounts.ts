import { networkOf } from '../../../base/ip.ts'
import { SERVER_LIMITS, type ServerLimits } from './server-limits.ts'
import { limited, type RpcStatus } from './status.ts'

/** What one address has under way. */
interface Counts {
  calls: number
  bodyBytes: number
  subscriptions: number
}

/** What callers of one address may still do. What is taken is given back once, by the function that is answered. */
export interface Account {
  /** names the address */
  readonly key: string
  /** Throws RpcStatus RESOURCE_EXHAUSTED, as all of these. */
  call(): () => void
  body(bytes: number): () => void
  subscription(): () => void
}

export class Accounts {
  readonly #limits: ServerLimits
  readonly #counts = new Map<string, Counts>()
  #subscriptions = 0

  constructor(limits: ServerLimits = SERVER_LIMITS) {
    this.#limits = limits
  }

  /** An IPv6 address counts as its /64, of which a machine has as many addresses as it likes. */
  of(address = ''): Account {
    const key = networkOf(address)
    const limits = this.#limits
    return {
      key,
      call: () => this.#take(key, 'calls', 1, limits.maxCallsPerAddress, 'calls are under way'),
      body: bytes =>
        this.#take(key, 'bodyBytes', bytes, limits.maxBodyBytesPerAddress, 'bytes are being sent'),
      subscription: () => {
        if (this.#subscriptions >= limits.maxSubscriptions)
          throw full('connections', 'subscriptions are open', limits.maxSubscriptions)
        const max = limits.maxSubscriptionsPerAddress
        const leave = this.#take(key, 'subscriptions', 1, max, 'subscriptions are open')
        this.#subscriptions++
        return () => {
          this.#subscriptions--
          leave()
        }
      },
    }
  }

  #take(key: string, what: keyof Counts, amount: number, max: number, said: string): () => void {
    const counts = this.#counts.get(key) ?? { calls: 0, bodyBytes: 0, subscriptions: 0 }
    if (counts[what] + amount > max) throw full('address', `${said} from this address`, max)
    counts[what] += amount
    this.#counts.set(key, counts)
    return () => {
      counts[what] -= amount
      if (counts.calls + counts.bodyBytes + counts.subscriptions === 0) this.#counts.delete(key)
    }
  }
}

const full = (refusal: 'address' | 'connections', what: string, max: number): RpcStatus =>
  limited(refusal, `too many ${what}, at most ${max}; try again later`, 'RESOURCE_EXHAUSTED')
