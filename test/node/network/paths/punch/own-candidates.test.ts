import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Clock, systemClock } from '../../../../../base/clock.ts'
import { systemTimers } from '../../../../../base/timers.ts'
import { openPorts } from '../../../../../node/network/paths/punch/own-candidates.ts'
import { createStunServer } from '../../../../../node/relay/stun.ts'
import { PUNCH } from '../../../../../protocols/index.ts'

describe('how a node looks from outside', () => {
  it('is told over one family when the other leads nowhere', async () => {
    // the moment that is left for the other one is over at once, and no other limit ever
    const clock = new Clock({
      ...systemTimers,
      after: (ms, act, options) =>
        systemTimers.after(ms === PUNCH.otherFamilyMs ? 0 : 2 ** 30, act, { ...options, background: true }),
    })
    await using stun = await createStunServer({ host: '127.0.0.1', port: 0, clock: systemClock })
    const asked: Socket[] = []
    const silent = createServer(socket => void asked.push(socket)).listen(0, '::1')
    await once(silent, 'listening')
    const ports = await openPorts(
      [
        { host: '::1', family: 6, port: (silent.address() as AddressInfo).port },
        { host: '127.0.0.1', family: 4, port: stun.port },
      ],
      { clock, signal: AbortSignal.timeout(20_000) },
    )
    ports.close()
    for (const socket of asked) socket.destroy()
    silent.close()
    assert.deepEqual([ports.outer.map(({ ip }) => ip), ports.v6], [['127.0.0.1'], undefined])
  })

  for (const [what, answering] of [
    ['by a relay whose first packets are lost', []],
    ['by another relay when the first is silent', ['other']],
  ] as const) {
    it(`is told ${what}`, async () => {
      // the moment after which it asks again is over at once, and no other limit ever
      const clock = new Clock({
        ...systemTimers,
        after: (ms, act, options) =>
          systemTimers.after(ms === PUNCH.askAgainMs ? 0 : 2 ** 30, act, { ...options, background: true }),
      })
      await using stun = await createStunServer({ host: '127.0.0.1', port: 0, clock: systemClock })
      const taken: Socket[] = []
      const lossy = createServer(socket => {
        taken.push(socket)
        socket.on('error', () => undefined)
        if (taken.length === 1 || answering.length > 0) return
        const through = connect(stun.port, '127.0.0.1')
        socket.pipe(through).pipe(socket)
        taken.push(through)
      }).listen(0, '127.0.0.1')
      await once(lossy, 'listening')
      const relays = [(lossy.address() as AddressInfo).port, ...answering.map(() => stun.port)]
      try {
        const ports = await openPorts(
          relays.map(port => ({ host: '127.0.0.1', family: 4, port })),
          { clock, signal: AbortSignal.timeout(20_000) },
        )
        ports.close()
        assert.deepEqual(
          ports.outer.map(({ ip }) => ip),
          ['127.0.0.1'],
        )
      } finally {
        for (const socket of taken) socket.destroy()
        lossy.close()
      }
    })
  }
})
