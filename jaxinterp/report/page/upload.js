// How does a picture from a file become what the network reads? Scaled to the data's shape, in the browser alone.

// The file's picture in 255ths, as large as fits, on black, or on what inverting makes black.
/** @type {(file: Blob, meta: Meta, inverted: boolean) => Promise<Uint8Array>} */
async function scaled(file, { rows, columns, channels }, inverted) {
  const bitmap = await createImageBitmap(file);
  const canvas = make("canvas", { width: columns, height: rows }), context = canvas.getContext("2d");
  if (!context) throw new Error("this browser draws no pictures");
  const fit = Math.min(columns / bitmap.width, rows / bitmap.height), [width, height] = [fit * bitmap.width, fit * bitmap.height];
  context.fillStyle = inverted ? "white" : "black";
  context.fillRect(0, 0, columns, rows);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (columns - width) / 2, (rows - height) / 2, width, height);
  const { data } = context.getImageData(0, 0, columns, rows);
  return Uint8Array.from({ length: rows * columns * channels }, (_, place) => {
    const [red, green, blue] = data.subarray(4 * Math.floor(place / channels));
    const value = channels === 3 ? [red, green, blue][place % 3] : Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    return inverted ? 255 - value : value;
  });
}
