import assert from 'node:assert/strict'
import { ask, gatewayFactory, reasonOf } from './support.ts'

const APP = 'https://app.example'

describe('gateway: hosts and origins', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  it('answers to its own names only, however another is dressed up', async () => {
    const { url, port } = await start({ hostNames: ['Floe.example'] })
    const ours = ['localhost', '127.0.0.1', '[::1]', 'LocalHost', 'floe.example', 'FLOE.EXAMPLE']
    const foreign = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '127.0.0.1.nip.io']
    const alike = [
      'localhost.',
      '.localhost',
      'xlocalhost',
      'localhostx',
      'local.host',
      'floe.example.evil',
      'xfloe.example',
    ]
    const numbers = [
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '0.0.0.0',
      '127.0.0.2',
      '192.168.1.1',
      '::1',
      '[::]',
      '[::ffff:127.0.0.1]',
    ]
    const dressed = [
      'a@localhost',
      'localhost@evil.example',
      'localhost#evil.example',
      'evil.example#localhost',
      'localhost/',
      'http://localhost',
      'localhost,evil.example',
      'localhost evil.example',
      'localhost;evil',
      '"localhost"',
      'localhost%00',
      'localhost%2eevil',
      'localhost\tevil',
      '*',
    ]
    const ports = ['', `:${port}`, ':1', ':99999']
    for (const host of ours.flatMap(name => ports.map(end => name + end))) {
      assert.equal((await ask(`${url}/v1/health`, { headers: { host } })).status, 200, host)
    }
    for (const host of [...foreign, ...alike, ...numbers, ...dressed].flatMap(name => [
      name,
      `${name}:${port}`,
    ])) {
      for (const method of ['GET', 'PUT', 'OPTIONS']) {
        const path = method === 'PUT' ? '/v1/blobs' : '/v1/health'
        const answer = await ask(url + path, { method, headers: { host } })
        assert.deepEqual([answer.status, reasonOf(answer)], [403, 'FORBIDDEN_HOST'], `${method} ${host}`)
      }
    }
    for (const host of ['localhost:x', 'localhost:1:1', 'localhost: 1', '[::1', '::1]']) {
      assert.equal((await ask(`${url}/v1/health`, { headers: { host } })).status, 403, host)
    }
    assert.equal((await ask(`${url}/v1/health`)).status, 200)
  })

  it('stores for no page of another origin, however it calls itself', async () => {
    const { url, port, client } = await start({ allowedOrigins: [APP] })
    const put = (headers: Record<string, string>) =>
      ask(`${url}/v1/blobs`, { method: 'PUT', headers, body: Buffer.from('x') })
    for (const origin of [
      'https://evil.example',
      'http://app.example',
      'https://app.example:444',
      'https://app.example.evil.example',
      'https://xapp.example',
      'https://APP.example/',
      'https://app.example/',
      `${APP}, https://evil.example`,
      `https://evil.example, ${APP}`,
      ` null`,
      'null',
      '',
      'file://',
      'chrome-extension://abc',
      'http://127.0.0.1',
      `http://localhost:${port}`,
      `http://localhost:${port + 1}`,
      `http://127.0.0.1:${port + 1}`,
      `ftp://127.0.0.1:${port}`,
      `http://127.0.0.1:${port}/`,
      `http://127.0.0.1:${port}.evil.example`,
      `http://evil.example@127.0.0.1:${port}`,
      `http://[::1]:${port}`,
      '*',
    ]) {
      const answer = await put({ origin })
      assert.deepEqual([answer.status, reasonOf(answer)], [403, 'FORBIDDEN_ORIGIN'], origin)
      assert.equal((await put({ origin, 'sec-fetch-site': 'same-origin' })).status, 403, origin)
    }
    assert.equal((await put({ 'sec-fetch-site': 'cross-site' })).status, 403)
    assert.equal(client.blobs.size, 0)
    for (const headers of [
      {},
      { origin: APP },
      { origin: APP, 'sec-fetch-site': 'cross-site' },
      { origin: `http://127.0.0.1:${port}` },
      { 'sec-fetch-site': 'none' },
    ]) {
      assert.equal((await put(headers as Record<string, string>)).status, 200, JSON.stringify(headers))
    }
  })
})
