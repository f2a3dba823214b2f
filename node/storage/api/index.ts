export { createHttpFace, type HttpFace } from './api.ts'
export { DEFAULT_FACE_LIMITS, type HttpFaceInit } from './options.ts'
