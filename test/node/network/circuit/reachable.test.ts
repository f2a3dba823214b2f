import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { silentLog } from '../../../../base/log.ts'
import { createRelaySwitch, type RelaySwitch } from '../../../../node/network/circuit/reachable.ts'

describe('relays that are wanted, or not any more', () => {
  let did: string[]
  let ended: PromiseWithResolvers<void>
  let relays: RelaySwitch
  beforeEach(() => {
    did = []
    ended = Promise.withResolvers()
    relays = createRelaySwitch(
      {
        start: () => void did.push('start'),
        async stop() {
          did.push('stop')
          await ended.promise
          did.push('stopped')
        },
      },
      silentLog(),
    )
  })

  it('are given back before they are called again', async () => {
    relays.want(false)
    await turn()
    assert.deepEqual(did, [])
    for (const isWanted of [true, false, true]) {
      relays.want(isWanted)
      await turn()
    }
    assert.deepEqual(did, ['start', 'stop'])
    ended.resolve()
    await turn()
    assert.deepEqual(did, ['start', 'stop', 'stopped', 'start'])
  })

  it('are given back when the giving back before has failed', async () => {
    ended.promise.catch(() => undefined)
    ended.reject(new Error('the relay hung up'))
    for (const isWanted of [true, false, true]) {
      relays.want(isWanted)
      await turn()
    }
    assert.deepEqual(did, ['start', 'stop', 'start'])
  })

  it('are not called any more once it is stopped', async () => {
    relays.want(true)
    await turn()
    relays.want(false)
    await turn()
    relays.want(true)
    const stopped = relays.stop()
    relays.want(true)
    ended.resolve()
    await stopped
    await turn()
    assert.deepEqual(did, ['start', 'stop', 'stopped', 'stop', 'stopped'])
  })
})
