import assert from 'node:assert/strict'
import { createMetrics } from '../../node/metrics.ts'
import { createRefusals } from '../../node/refusals.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('refusals', () => {
  const lines: object[] = []
  const log = { warn: (fields: object) => void lines.push(fields) }
  const clock = new VirtualClock()
  beforeEach(() => void lines.splice(0))

  it('are counted by node, where and reason', async () => {
    const metrics = createMetrics({ version: 'test' })
    const refusals = createRefusals({ clock, metrics: metrics.node('node-1') })
    for (let i = 0; i < 3; i++) refusals.refused('dht', 'size')
    refusals.refused('http', 'busy')
    refusals.close()
    const text = await metrics.text()
    assert.match(text, /floe_refused_total\{node="node-1",where="dht",reason="size"\} 3\n/)
    assert.match(text, /floe_refused_total\{node="node-1",where="http",reason="busy"\} 1\n/)
  })

  it('are said together, once in a while, and only if there were any', async () => {
    const refusals = createRefusals({ clock, log })
    for (let i = 0; i < 1_000; i++) refusals.refused('gossip', 'stranger')
    refusals.refused('connections', 'address')
    assert.deepEqual(lines, [])
    await clock.advance(59_999)
    assert.deepEqual(lines, [])
    await clock.advance(1)
    assert.deepEqual(lines, [{ 'gossip.stranger': 1_000, 'connections.address': 1 }])
    refusals.refused('dht', 'rate')
    await clock.advance(60_000)
    assert.deepEqual(lines[1], { 'dht.rate': 1 })
    await clock.advance(60_000)
    refusals.close()
    assert.equal(lines.length, 2)
  })

  it('that were not said yet are said at the end', () => {
    const refusals = createRefusals({ clock, log })
    refusals.refused('http', 'slow')
    refusals.close()
    refusals.close()
    assert.deepEqual(lines, [{ 'http.slow': 1 }])
  })

  it('have few labels, whatever a caller says', () => {
    const refusals = createRefusals({ clock, log })
    refusals.at('localnet')('depth')
    refusals.at('localnet')('what a stranger wrote')
    refusals.close()
    assert.deepEqual(lines, [{ 'localnet.depth': 1, 'localnet.other': 1 }])
  })
})
