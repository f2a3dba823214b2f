/** `node video.ts`, then http://localhost:8080/BLOB-ID: a video from Floe, which a browser may seek in. `npx floe up` runs beside it. */
import { serve } from '@hono/node-server'
import { type BlobId, createReader, parseBlobId, readNetwork } from 'floe'
import { Hono } from 'hono'

const reader = await createReader(await readNetwork('.floe/network.json'), { role: 'gateway' })
const app = new Hono()

async function sizeOf(blobId: BlobId, signal: AbortSignal): Promise<number> {
  await using blob = await reader.open(blobId, { signal })
  return blob.size
}

app.get('/:blobId', async context => {
  const { signal } = context.req.raw
  const blobId = parseBlobId(context.req.param('blobId'))
  const size = await sizeOf(blobId, signal)
  const asked = context.req.header('range')?.match(/^bytes=(\d+)-(\d*)$/)
  const start = Number(asked?.[1] ?? 0)
  const end = Math.min(asked?.[2] ? Number(asked[2]) + 1 : size, size)
  if (start >= end) return context.body(null, 416, { 'content-range': `bytes */${size}` })
  async function* pieces() {
    await using blob = await reader.open(blobId, { signal })
    yield* blob.stream({ start, end, signal })
  }
  return context.body(ReadableStream.from(pieces()), asked ? 206 : 200, {
    'accept-ranges': 'bytes',
    'content-type': 'video/mp4',
    'content-length': String(end - start),
    ...(asked && { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
  })
})

const statusOf = (error: object) => ('code' in error && error.code === 'BLOB_NOT_FOUND' ? 404 : 502)
app.onError((error, context) => context.text(error.message, statusOf(error)))

const port = Number(process.env.PORT ?? 8080)
const server = serve({ fetch: app.fetch, port }, ({ port }) => console.log(`http://localhost:${port}/`))
process.once('SIGINT', () => server.close(() => reader.close()))
