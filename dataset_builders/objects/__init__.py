"""3D models of the packages that pictures and point clouds are made from: formats, catalogues and licences."""
