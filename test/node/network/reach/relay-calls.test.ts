import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { DialingLibp2p } from '../../../../node/network/paths/dial-address.ts'
import { createRelayCalls } from '../../../../node/network/reach/relay-calls.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const ONE = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const TWO = '12D3KooWLRPJAA5o6Pm1ZTnEVbLxXbcnRG1kcPEDXzpA6uXTL5Wa'
const RELAYS = [
  `/ip4/192.0.2.1/tcp/4001/p2p/${ONE}`,
  `/ip4/192.0.2.1/tcp/4002/ws/p2p/${ONE}`,
  `/ip6/2001:db8::1/tcp/4001/p2p/${ONE}`,
  `/ip4/192.0.2.2/tcp/4001/p2p/${TWO}`,
]

describe('relays that are asked how a node is reached', () => {
  const call = async (family: 4 | 6, count: number) => {
    const dialled: string[] = []
    const dial = async (address: Multiaddr) => {
      dialled.push(address.toString())
      return {} as Connection
    }
    const libp2p = { dial } as unknown as DialingLibp2p
    const around = { libp2p, clock: new VirtualClock(), random: () => 0, log: quietLog }
    const called = await createRelayCalls({ ...around, relays: () => RELAYS })(
      family,
      count,
      AbortSignal.timeout(9_000),
    )
    assert.equal(called.length, dialled.length)
    return dialled
  }

  it('are called at one address each, of the family: two answers of one would be one voice', async () => {
    assert.deepEqual(await call(4, 3), [RELAYS[3], RELAYS[0]])
    assert.equal((await call(4, 1)).length, 1)
    assert.deepEqual(await call(6, 3), [RELAYS[2]])
  })
})
