import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { AbstractMessageStream } from '@libp2p/utils'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { steadyTls } from '../../../node/network/steady-tls.ts'

describe('TLS on a line that is ended by what came on it', () => {
  it('ends with it, and throws at nobody', async () => {
    const [out, line] = multiaddrConnectionPair()
    const side = async () => {
      const upgrader = { getStreamMuxers: () => new Map(), getConnectionEncrypters: () => new Map() }
      const privateKey = await generateKeyPair('Ed25519')
      return steadyTls()({ privateKey, logger: { forComponent: () => line.log }, upgrader } as never)
    }
    const [here, there] = [await side(), await side()]
    const [{ connection: sender }, { connection }] = await Promise.all([
      there.secureOutbound(out),
      here.secureInbound(line),
    ])
    connection.addEventListener('message', () => line.abort(new Error('that was too much')))
    // two records, which the line has by the time that it goes on
    const { onData } = line as unknown as AbstractMessageStream
    const records: Parameters<typeof onData>[0][] = []
    Object.assign(line, { onData: (data: (typeof records)[number]) => records.push(data) })
    sender.send(new Uint8Array(1_000))
    sender.send(new Uint8Array(1_000))
    while (records.length < 2) await new Promise(setImmediate)
    line.pause()
    for (const record of records) onData.call(line, record)
    const ended = new Promise(resolve => line.addEventListener('close', resolve))
    line.resume()
    await ended
    // what is thrown in a listener is told a moment later
    await new Promise(setImmediate)
    assert.equal(line.status, 'aborted')
  })
})
