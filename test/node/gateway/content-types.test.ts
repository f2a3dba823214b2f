import assert from 'node:assert/strict'
import { ask, gatewayFactory, put } from './support.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
const ftyp = (brand: string) => Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from(`ftyp${brand}....`)])

describe('gateway: content types', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  it('are told by the first bytes: images, audio, video, PDF and text, and nothing that is executed', async () => {
    const { url } = await start()
    const cases: [string, Buffer | string, string][] = [
      ['PNG', PNG, 'image/png'],
      ['JPEG', Buffer.from('ffd8ffe000104a464946', 'hex'), 'image/jpeg'],
      ['GIF', 'GIF89a....', 'image/gif'],
      ['WebP', 'RIFF....WEBPVP8 ', 'image/webp'],
      ['AVIF', ftyp('avif'), 'image/avif'],
      ['MP4', ftyp('isom'), 'video/mp4'],
      ['M4A', ftyp('M4A '), 'audio/mp4'],
      [
        'WebM',
        Buffer.concat([Buffer.from('1a45dfa3', 'hex'), Buffer.from('....B\x82\x84webm')]),
        'video/webm',
      ],
      ['MP3', Buffer.from('4944330400', 'hex'), 'audio/mpeg'],
      ['WAV', 'RIFF....WAVEfmt ', 'audio/wav'],
      ['not WAV', Buffer.concat([Buffer.from([1]), Buffer.from('.......WAVE')]), 'application/octet-stream'],
      ['Opus', 'OggS....OpusHead', 'audio/ogg'],
      ['PDF', '%PDF-1.7', 'application/pdf'],
      ['text', 'Grüße', 'text/plain; charset=utf-8'],
      [
        'text that is cut in mid-character',
        'ü'.repeat(300).slice(0, 255) + '€'.repeat(400),
        'text/plain; charset=utf-8',
      ],
      ['HTML', '<!doctype html><script>alert(1)</script>', 'text/plain; charset=utf-8'],
      ['SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'text/plain; charset=utf-8'],
      ['noise', Buffer.from([0, 1, 2, 200]), 'application/octet-stream'],
      ['nothing', '', 'application/octet-stream'],
    ]
    for (const [what, bytes, type] of cases) {
      const blobId = await put(url, bytes)
      for (const headers of [{}, { range: 'bytes=-2' }] as Record<string, string>[]) {
        const answer = await ask(`${url}/v1/blobs/${blobId}`, { headers })
        assert.equal(answer.headers['content-type'], type, what)
        assert.equal(answer.headers['x-content-type-options'], 'nosniff')
      }
    }
  })

  it('are those of the request before anything else', async () => {
    const { url } = await start()
    const blobId = await put(url, PNG)
    const typeFor = async (query: string, headers: Record<string, string> = {}) => {
      const { headers: got } = await ask(`${url}/v1/blobs/${blobId}${query}`, { headers })
      return [got['content-type'], got['content-disposition']]
    }
    assert.deepEqual(await typeFor('?content-type=audio/ogg', { accept: 'image/gif' }), [
      'audio/ogg',
      undefined,
    ])
    assert.deepEqual(await typeFor('?filename=a.mp4'), ['video/mp4', 'inline; filename="a.mp4"'])
    assert.deepEqual(await typeFor('?filename=a'), ['image/png', 'inline; filename="a"'])
    assert.deepEqual(await typeFor('?filename=%C3%BC%22.zip'), [
      'application/zip',
      `attachment; filename="_\\".zip"; filename*=UTF-8''%C3%BC%22.zip`,
    ])
    assert.deepEqual(await typeFor('', { accept: 'image/gif' }), ['image/gif', undefined])
    assert.deepEqual(await typeFor('', { accept: 'image/gif;q=0.5' }), ['image/gif', undefined])
    assert.deepEqual(await typeFor('', { accept: 'image/gif, image/*' }), ['image/png', undefined])
    assert.deepEqual(await typeFor('', { accept: '*/*' }), ['image/png', undefined])
    assert.deepEqual(await typeFor('', { 'content-type': 'image/gif' }), ['image/gif', undefined])
  })

  it('leave nothing to a browser that it would execute', async () => {
    const { url } = await start()
    const blobId = await put(url, '<script>alert(1)</script>')
    const shown = 'text/plain; charset=utf-8'
    const cases: [string, string, string | undefined][] = [
      ['text/html', shown, undefined],
      ['TEXT/HTML; charset=utf-8', shown, undefined],
      ['application/xhtml+xml', shown, undefined],
      ['text/javascript', shown, undefined],
      ['application/x-javascript', shown, undefined],
      ['text/jscript', shown, undefined],
      ['text/css', shown, undefined],
      ['text/xml', shown, undefined],
      ['application/rss+xml', shown, undefined],
      ['image/svg+xml;charset=utf-8', 'image/svg+xml', 'attachment'],
      ['multipart/x-mixed-replace', 'multipart/x-mixed-replace', 'attachment'],
      ['application/x-anything', 'application/x-anything', 'attachment'],
      ['application/json', 'application/json', undefined],
    ]
    for (const [asked, type, disposition] of cases) {
      for (const [query, headers] of [
        [`?content-type=${encodeURIComponent(asked)}`, {}],
        ['', { accept: asked }],
      ] as const) {
        const answer = await ask(`${url}/v1/blobs/${blobId}${query}`, { headers })
        const { 'content-type': got, 'content-disposition': as } = answer.headers
        assert.deepEqual([got, as], [type, disposition], asked)
        assert.match(String(answer.headers['content-security-policy']), /default-src 'none'; sandbox/)
      }
    }
  })
})
