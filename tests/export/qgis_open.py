"""Open a GeoPackage with QGIS's own libraries and draw each layer as it is stored to be drawn.

Run with the interpreter that has `qgis`: `python3 qgis_open.py <gpkg> <folder of pictures>`. Prints
JSON: for each layer of the file whether it opened, whether a default style was found, its renderer,
its features, and how many points of the picture it paints.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

WIDE, HIGH = 480, 360


def layers_of(path: Path) -> list[str]:
    """Return the layers with a geometry."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        rows = file.execute("select table_name from gpkg_contents where data_type = 'features'")
        return sorted(str(row[0]) for row in rows)


def drawn(layer: QgsVectorLayer, picture: Path) -> int:
    """Draw a layer on white and count the points that aren't white any more."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setBackgroundColor(QColor("white"))
    settings.setOutputSize(QSize(WIDE, HIGH))
    extent = layer.extent()
    extent.grow(0.002)
    settings.setExtent(extent)
    settings.setDestinationCrs(layer.crs())
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(str(picture))
    white = QColor("white").rgb()
    return sum(image.pixel(x, y) != white for x in range(WIDE) for y in range(HIGH))


def main() -> None:
    """Open, draw and tell."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    app = QgsApplication([], False)
    app.initQgis()
    told = {}
    for name in layers_of(path):
        layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
        _, styled = layer.loadDefaultStyle()
        renderer = layer.renderer()
        told[name] = {
            "valid": layer.isValid(),
            "styled": bool(styled),
            "renderer": renderer.type() if renderer else "",
            "crs": layer.crs().authid(),
            "features": layer.featureCount(),
            "painted": drawn(layer, folder / f"{name}.png") if layer.featureCount() else 0,
        }
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    # Layers that Python lets go of after QGIS has ended crash it: the process ends as it is.
    os._exit(0)


if __name__ == "__main__":
    main()
